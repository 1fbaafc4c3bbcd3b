using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace XClr.Text;

/// <summary>
/// A frozen sentence encoder: turns captions into L2-normalised embeddings; the model's default prompt, if it has one, is put before each. Reading the directory is cheap; the ONNX session is opened by the first
/// use of Dimension or Embed. Safe for concurrent use (runs take turns).
/// </summary>
public sealed class CaptionEmbedder : IDisposable
{
    /// <summary>The encoder that ships with the program.</summary>
    public const string Default = "static-minilm-128";

    private readonly ModelDirectory directory;
    private readonly EmbedderOptions options;
    private readonly CaptionTokenizer tokenizer;
    private readonly Lazy<string> fingerprint;
    private readonly Lock gate = new();
    private EncoderSession? session;
    private bool disposed;

    private CaptionEmbedder(ModelDirectory directory, EmbedderOptions options)
    {
        this.directory = directory;
        this.options = options;
        tokenizer = new CaptionTokenizer(TokenizerSpecReader.Read(directory));
        fingerprint = new Lazy<string>(ComputeFingerprint);
    }

    /// <summary>D, numbers per embedding.</summary>
    public int Dimension => Session().Dimension;

    /// <summary>Largest number of tokens per caption, special tokens included; the rest is cut off.</summary>
    public int MaxLength => tokenizer.MaxLength;

    /// <summary>SHA-256 (64 hex digits) of the model, tokenizer and pooling files and of our tokenizer's version: two embedders with one
    /// fingerprint give one embedding.</summary>
    public string Fingerprint => fingerprint.Value;

    /// <summary>The tokenizer in use.</summary>
    public CaptionTokenizer Tokenizer => tokenizer;

    /// <summary>Whether the ONNX session has been opened.</summary>
    public bool IsSessionOpen => Volatile.Read(ref session) is not null;

    /// <summary>Opens a sentence-transformer directory, or a built-in encoder by name.</summary>
    /// <exception cref="TextException">A file is missing or corrupt, the tokenizer is not WordPiece, or the provider is not there.</exception>
    public static CaptionEmbedder Open(string nameOrDirectory, EmbedderOptions? options = null)
    {
        options ??= new EmbedderOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        ExecutionProvider.Require(options.Provider);
        var directory = ModelDirectory.Open(nameOrDirectory);
        directory.FindModel();
        return new CaptionEmbedder(directory, options);
    }

    /// <summary>Embeds captions. embeddings: [N,D] row by row, L2-normalised; a caption without a known word may give the zero vector, which
    /// stays zero. Captions that repeat are embedded once.</summary>
    /// <exception cref="ArgumentException">embeddings does not hold N*D numbers.</exception>
    public void Embed(IReadOnlyList<string> captions, Span<float> embeddings)
    {
        if (captions.Count == 0 && embeddings.IsEmpty)
        {
            return;
        }
        var d = Dimension;
        if (embeddings.Length != (long)captions.Count * d)
        {
            throw new ArgumentException($"{captions.Count} captions of {d} numbers need {(long)captions.Count * d} numbers, not {embeddings.Length}.", nameof(embeddings));
        }
        var firsts = new Dictionary<string, int>(captions.Count, StringComparer.Ordinal);
        for (var i = 0; i < captions.Count; i++)
        {
            firsts.TryAdd(captions[i], i);
        }
        EmbedUnique([.. firsts.Keys], [.. firsts.Values], embeddings);
        for (var i = 0; i < captions.Count; i++)
        {
            var first = firsts[captions[i]];
            if (first != i)
            {
                embeddings.Slice(first * d, d).CopyTo(embeddings.Slice(i * d, d));
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            session?.Dispose();
            session = null;
        }
    }

    /// <summary>Texts go in order of length, so that a batch holds little padding; rows[i] is where text i's embedding belongs.</summary>
    private void EmbedUnique(string[] texts, int[] rows, Span<float> embeddings)
    {
        var ids = tokenizer.Encode(directory.Prompt is { } prompt ? [.. texts.Select(t => prompt + t)] : texts, options.Threads);
        Array.Sort(ids, rows, Comparer<int[]>.Create((a, b) => a.Length.CompareTo(b.Length)));
        lock (gate)
        {
            var session = Session();
            var d = session.Dimension;
            var batch = new float[Math.Min(options.BatchSize, ids.Length) * d];
            for (var at = 0; at < ids.Length; at += options.BatchSize)
            {
                var count = Math.Min(options.BatchSize, ids.Length - at);
                session.Run(ids.AsSpan(at, count), tokenizer.PadId, batch.AsSpan(0, count * d));
                for (var b = 0; b < count; b++)
                {
                    batch.AsSpan(b * d, d).CopyTo(embeddings.Slice(rows[at + b] * d, d));
                }
            }
        }
    }

    private EncoderSession Session()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            return session ??= new EncoderSession(directory, options);
        }
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"XClr.Text tokenizer {CaptionTokenizer.Version}\n"));
        Span<byte> length = stackalloc byte[8];
        foreach (var (name, file) in directory.FingerprintFiles())
        {
            try
            {
                using var stream = File.OpenRead(file);
                BinaryPrimitives.WriteInt64LittleEndian(length, stream.Length);
                hash.AppendData(Encoding.UTF8.GetBytes(name + "\n"));
                hash.AppendData(length);
                hash.AppendData(SHA256.HashData(stream));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new TextException($"{file} cannot be read ({e.Message}). Check that you may read it, or download it again.", e);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
