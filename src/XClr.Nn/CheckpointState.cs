using System.Text.Json;
using System.Text.Json.Serialization;

namespace XClr.Nn;

/// <summary>A checkpoint that cannot be found, read or resumed. The message names the path, the value and the remedy.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The network of a checkpoint. Arch: resnet18 and so on; Stem: imagenet, half or small; Width: a multiple of the channels;
/// Projector: mlp, linear, clip or classifier; FeatureWidth (F) and ProjectionWidth (P, or a classifier's classes) in channels.
/// </summary>
public sealed record CheckpointArchitecture(string Arch, string Stem, double Width, string Projector, int FeatureWidth, int ProjectionWidth);

/// <summary>The best value so far of the metric that the run is judged by, and the step it was measured at.</summary>
public sealed record CheckpointMetric(string Name, double Value, long Step);

/// <summary>The measured choices (`xclr tune`) that a run's plan took. Kernels: hash of all kernels' code, of which alone they say something; Ways: by the work's name, empty where the cost model chose everything.</summary>
public sealed record CheckpointTuning(string Kernels, IReadOnlyDictionary<string, string> Ways);

/// <summary>Everything of a checkpoint that is no tensor; the file state.json.</summary>
public sealed record CheckpointState
{
    /// <summary>The version that this program writes, and the only one it reads.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Version of the folder's layout and of this record.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>The network.</summary>
    public required CheckpointArchitecture Architecture { get; init; }

    /// <summary>Side of the square training images, in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Subtracted from each of the 3 colour channels, of pixels from 0 to 1.</summary>
    public required IReadOnlyList<float> Mean { get; init; }

    /// <summary>Each of the 3 colour channels is divided by this after the mean is subtracted.</summary>
    public required IReadOnlyList<float> Std { get; init; }

    /// <summary>Optimiser steps taken.</summary>
    public required long Step { get; init; }

    /// <summary>Passes over the data that are complete.</summary>
    public required int Epoch { get; init; }

    /// <summary>Samples of the current epoch that were consumed, in the order that the seed gives.</summary>
    public required long DataPosition { get; init; }

    /// <summary>Samples of an epoch, bad ones included: with another number the order is another one. Null where the checkpoint does not say.</summary>
    public long? Samples { get; init; }

    /// <summary>Samples that were left out since the run began; null where the checkpoint does not say.</summary>
    public long? SkippedSamples { get; init; }

    /// <summary>The seed of the run.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The effective configuration, keys named as the options of the command line.</summary>
    public required JsonElement Config { get; init; }

    /// <summary>Kernels, tiles, split-K, device and driver of the run: bit-identical results need the same.</summary>
    public required string PlanFingerprint { get; init; }

    /// <summary>What a resumed run takes on the same device, whatever was measured since; null in checkpoints that do not say.</summary>
    public CheckpointTuning? Tuning { get; init; }

    /// <summary>The best metric so far; null before the first evaluation.</summary>
    public CheckpointMetric? BestMetric { get; init; }

    /// <summary>Name and driver of the device that trained.</summary>
    public required string Device { get; init; }

    /// <summary>Commit of the program; null in a build that does not know it.</summary>
    public string? Commit { get; init; }

    /// <summary>Reads and checks a state.json.</summary>
    /// <exception cref="CheckpointException">Missing, malformed, of another version, or a value out of range.</exception>
    public static CheckpointState Read(string path)
    {
        CheckpointState? state;
        int version;
        try
        {
            var bytes = File.ReadAllBytes(path);
            version = ReadVersion(bytes);
            state = version == CurrentVersion ? JsonSerializer.Deserialize(bytes, CheckpointJson.Default.CheckpointState) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new CheckpointException($"{path}: cannot be read as a checkpoint's state: {e.Message} Use another step's folder, or pass model.safetensors alone for its weights.", e);
        }
        if (state is null)
        {
            throw new CheckpointException($"{path}: formatVersion is {version}, this program reads {CurrentVersion}; use the program that wrote it, or pass model.safetensors alone for its weights");
        }
        state.Validate(path);
        return state;
    }

    /// <summary>The bytes of state.json.</summary>
    /// <exception cref="CheckpointException">A value is out of range.</exception>
    public byte[] ToJson(string path)
    {
        Validate(path);
        return JsonSerializer.SerializeToUtf8Bytes(this, CheckpointJson.Default.CheckpointState);
    }

    /// <summary>The version is read first, so that a file of a later version is refused by it and not by a missing field.</summary>
    private static int ReadVersion(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.TryGetProperty("formatVersion", out var version) && version.TryGetInt32(out var value)
            ? value
            : throw new JsonException("there is no integer formatVersion.");
    }

    private void Validate(string path)
    {
        void Require(bool holds, string field, object? value, string expected)
        {
            if (!holds)
            {
                throw new CheckpointException($"{path}: {field} is {value}, expected {expected}; the file was edited or damaged: use another step's folder");
            }
        }
        Require(FormatVersion == CurrentVersion, "formatVersion", FormatVersion, $"{CurrentVersion}");
        Require(ImageSize > 0, "imageSize", ImageSize, "a positive number of pixels");
        Require(Step >= 0, "step", Step, "0 or more");
        Require(Epoch >= 0, "epoch", Epoch, "0 or more");
        Require(DataPosition >= 0, "dataPosition", DataPosition, "0 or more");
        Require(Mean.Count == 3 && Mean.All(float.IsFinite), "mean", $"[{string.Join(',', Mean)}]", "3 numbers");
        Require(Std.Count == 3 && Std.All(s => float.IsFinite(s) && s > 0), "std", $"[{string.Join(',', Std)}]", "3 positive numbers");
        Require(double.IsFinite(Architecture.Width) && Architecture.Width > 0, "architecture.width", Architecture.Width, "a positive number");
        Require(Architecture.FeatureWidth > 0, "architecture.featureWidth", Architecture.FeatureWidth, "a positive number");
        Require(Architecture.ProjectionWidth > 0, "architecture.projectionWidth", Architecture.ProjectionWidth, "a positive number");
        Require(Config.ValueKind == JsonValueKind.Object, "config", Config.ValueKind, "an object");
        Require(BestMetric is null || double.IsFinite(BestMetric.Value), "bestMetric.value", BestMetric?.Value, "a finite number");
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CheckpointState))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
