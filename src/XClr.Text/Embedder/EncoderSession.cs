using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace XClr.Text;

/// <summary>
/// One ONNX Runtime session of a text encoder: feeds the inputs it declares, takes [B,D] where the graph pools by itself and pools
/// [B,S,D] otherwise. Embeddings are L2-normalised; a zero vector stays zero.
/// </summary>
internal sealed class EncoderSession : IDisposable
{
    private static readonly string[] TokenOutputs = ["token_embeddings", "last_hidden_state"];

    private readonly string file;
    private readonly InferenceSession session;
    private readonly RunOptions run = new();
    private readonly (string Name, bool IsInt64)[] inputs;
    private readonly string output;
    private readonly PoolingMode? pooling;

    public EncoderSession(ModelDirectory directory, EmbedderOptions options)
    {
        file = directory.FindModel();
        using var session = ExecutionProvider.CreateSession(options);
        try
        {
            this.session = new InferenceSession(file, session);
        }
        catch (OnnxRuntimeException e)
        {
            throw new TextException($"{file} is not a model that ONNX Runtime can load ({e.Message}). Download or export it again.", e);
        }
        try
        {
            inputs = [.. this.session.InputMetadata.Select(CheckInput)];
            (output, pooling) = ChooseOutput(directory);
            Dimension = ReadDimension();
        }
        catch
        {
            this.session.Dispose();
            throw;
        }
    }

    /// <summary>D, numbers per embedding.</summary>
    public int Dimension { get; }

    /// <summary>Embeds a batch. ids: token ids of each of B texts; embeddings: [B,D], normalised.</summary>
    public void Run(ReadOnlySpan<int[]> ids, int padId, Span<float> embeddings)
    {
        var length = 1;
        foreach (var row in ids)
        {
            length = Math.Max(length, row.Length);
        }
        var inputs = new OrtValue[this.inputs.Length];
        try
        {
            for (var i = 0; i < inputs.Length; i++)
            {
                inputs[i] = Fill(this.inputs[i], ids, length, padId);
            }
            using var outputs = session.Run(run, [.. this.inputs.Select(i => i.Name)], inputs, [output]);
            var shape = outputs[0].GetTensorTypeAndShape().Shape;
            long[] expected = pooling is null ? [ids.Length, Dimension] : [ids.Length, length, Dimension];
            if (!shape.AsSpan().SequenceEqual(expected))
            {
                throw new TextException($"{file}: output {output} is [{string.Join(",", shape)}], expected [{string.Join(",", expected)}]. Export the model again.");
            }
            Pool(outputs[0].GetTensorDataAsSpan<float>(), ids, length, embeddings);
        }
        catch (OnnxRuntimeException e)
        {
            throw new TextException($"{file}: ONNX Runtime failed on {ids.Length} texts of up to {length} tokens ({e.Message}). Try a smaller batch, or --text-provider cpu.", e);
        }
        finally
        {
            foreach (var input in inputs)
            {
                input?.Dispose();
            }
        }
    }

    public void Dispose()
    {
        session.Dispose();
        run.Dispose();
    }

    private (string, bool) CheckInput(KeyValuePair<string, NodeMetadata> input)
    {
        if (input.Key is not ("input_ids" or "attention_mask" or "token_type_ids" or "position_ids"))
        {
            throw new TextException($"{file}: the input {input.Key} is not known; a text encoder takes input_ids, attention_mask and perhaps token_type_ids. Export the text model alone.");
        }
        return input.Value.ElementDataType switch
        {
            TensorElementType.Int64 => (input.Key, true),
            TensorElementType.Int32 => (input.Key, false),
            var other => throw new TextException($"{file}: the input {input.Key} is {other}, expected int64 or int32. Export the model again."),
        };
    }

    private (string, PoolingMode?) ChooseOutput(ModelDirectory directory)
    {
        var outputs = session.OutputMetadata;
        if (outputs.ContainsKey("sentence_embedding"))
        {
            return ("sentence_embedding", null);
        }
        var name = TokenOutputs.FirstOrDefault(outputs.ContainsKey) ?? throw new TextException(
            $"{file}: outputs {string.Join(", ", outputs.Keys)}, expected sentence_embedding, token_embeddings or last_hidden_state. Export the model for feature extraction.");
        if (directory.OtherModule is { } module)
        {
            throw new TextException($"{Path.Combine(directory.Root, "modules.json")}: the module {module} is not in the graph and cannot be run. " +
                                    "Export the model with a sentence_embedding output.");
        }
        return (name, PoolingConfig.Read(directory.PoolingFile, directory.Prompt is not null));
    }

    private int ReadDimension()
    {
        var output = session.OutputMetadata[this.output];
        if (output.ElementDataType != TensorElementType.Float)
        {
            throw new TextException($"{file}: the output {this.output} is {output.ElementDataType}, expected float. Use the model's fp32 export.");
        }
        var rank = pooling is null ? 2 : 3;
        if (output.Dimensions.Length != rank)
        {
            throw new TextException($"{file}: the output {this.output} has {output.Dimensions.Length} dimensions, expected {rank}. Export the model again.");
        }
        // Some exports leave even the width open: one run tells it.
        var width = output.Dimensions[^1] > 0 ? output.Dimensions[^1] : ProbeWidth();
        return width is >= 1 and <= StoreFormat.MaxDimension
            ? (int)width
            : throw new TextException($"{file}: the output {this.output} has {width} numbers for a text, expected 1 to {StoreFormat.MaxDimension}. Export the model again.");
    }

    private long ProbeWidth()
    {
        try
        {
            using var probe = RunProbe();
            return probe[0].GetTensorTypeAndShape().Shape.LastOrDefault();
        }
        catch (OnnxRuntimeException e)
        {
            throw new TextException($"{file}: ONNX Runtime failed on a text of one token ({e.Message}). Export the model again.", e);
        }
    }

    private IDisposableReadOnlyCollection<OrtValue> RunProbe()
    {
        var inputs = this.inputs.Select(i => Fill(i, [[0]], 1, 0)).ToArray();
        try
        {
            return session.Run(run, [.. this.inputs.Select(i => i.Name)], inputs, [output]);
        }
        finally
        {
            foreach (var input in inputs)
            {
                input.Dispose();
            }
        }
    }

    /// <summary>An input [B,S]: the mask comes from lengths, never from ids, since a caption may hold the pad token's text.</summary>
    private static OrtValue Fill((string Name, bool IsInt64) input, ReadOnlySpan<int[]> ids, int length, int padId)
    {
        var values = new int[ids.Length * length];
        for (var b = 0; b < ids.Length; b++)
        {
            for (var s = 0; s < length; s++)
            {
                var inside = s < ids[b].Length;
                values[b * length + s] = input.Name switch
                {
                    "input_ids" => inside ? ids[b][s] : padId,
                    "attention_mask" => inside ? 1 : 0,
                    "position_ids" => s,
                    _ => 0,
                };
            }
        }
        long[] shape = [ids.Length, length];
        return input.IsInt64 ? OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, v => (long)v), shape)
            : OrtValue.CreateTensorValueFromMemory(values, shape);
    }

    private void Pool(ReadOnlySpan<float> output, ReadOnlySpan<int[]> ids, int length, Span<float> embeddings)
    {
        var d = Dimension;
        for (var b = 0; b < ids.Length; b++)
        {
            var row = embeddings.Slice(b * d, d);
            if (pooling is null)
            {
                output.Slice(b * d, d).CopyTo(row);
            }
            else if (pooling == PoolingMode.Cls)
            {
                output.Slice(b * length * d, d).CopyTo(row);
            }
            else
            {
                AddTokens(output.Slice(b * length * d, ids[b].Length * d), row);
            }
            if (!Vectors.Normalize(row))
            {
                throw new TextException($"{file} gave numbers that are not finite for a text of {ids[b].Length} tokens. Use the model's fp32 export, or --text-provider cpu.");
            }
        }
    }

    /// <summary>row = the sum of tokens [S,D]; the mean differs from it by a factor that normalising removes.</summary>
    private static void AddTokens(ReadOnlySpan<float> tokens, Span<float> row)
    {
        row.Clear();
        for (; tokens.Length > 0; tokens = tokens[row.Length..])
        {
            for (var i = 0; i < row.Length; i++)
            {
                row[i] += tokens[i];
            }
        }
    }
}
