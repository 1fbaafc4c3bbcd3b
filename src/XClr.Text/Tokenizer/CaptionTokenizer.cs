using System.Collections.Concurrent;
using System.Text;
using Microsoft.ML.Tokenizers;
using XClr.Text.Unicode;

namespace XClr.Text;

/// <summary>
/// Captions to token ids, equal to the reference tokenizer's. Microsoft.ML.Tokenizers' WordPiece is fed word by word with our normalisation
/// and splitting; special tokens and truncation are handled here. Safe for concurrent use.
/// </summary>
public sealed class CaptionTokenizer
{
    /// <summary>Part of every embedder's fingerprint: changes whenever any caption's ids may change.</summary>
    public const int Version = 1;

    private const int CachedWordLength = 32;
    private const int CachedWords = 200_000;

    private readonly TokenizerSpec spec;
    private readonly WordPieceTokenizer wordPiece;
    private readonly AddedTokens rawAdded;
    private readonly AddedTokens normalizedAdded;
    private readonly ConcurrentDictionary<string, int[]> words = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> wordsBySpan;
    private readonly ConcurrentBag<TextNormalizer> normalizers = [];
    private int cachedWords;

    internal CaptionTokenizer(TokenizerSpec spec)
    {
        this.spec = spec;
        wordsBySpan = words.GetAlternateLookup<ReadOnlySpan<char>>();
        rawAdded = new AddedTokens(spec.Added.Where(t => !t.Normalized));
        var normalizer = new TextNormalizer(spec.Normalizer);
        normalizedAdded = new AddedTokens(spec.Added.Where(t => t.Normalized)
            .Select(t => t with { Content = normalizer.Normalize(t.Content).ToString() }));
        wordPiece = WordPieceTokenizer.Create(VocabularyLines(spec.Vocabulary), new WordPieceOptions
        {
            UnknownToken = spec.UnknownToken,
            ContinuingSubwordPrefix = spec.ContinuationPrefix,
            // The library counts UTF-16 units; the limit in code points is ours, so this one must only be large enough.
            MaxInputCharsPerWord = Math.Max(1, spec.MaxWordLength * 2),
        });
    }

    /// <summary>Tokens of an encoded caption at most, special tokens included.</summary>
    public int MaxLength => spec.MaxLength;

    /// <summary>The id that fills the shorter rows of a batch; which positions count is told by lengths, never by this id.</summary>
    public int PadId => spec.PadId;

    /// <summary>Reads the tokenizer of a sentence-transformer directory, or of a built-in encoder by name.</summary>
    /// <exception cref="TextException">A file is missing or corrupt, or the tokenizer is not WordPiece.</exception>
    public static CaptionTokenizer Open(string nameOrDirectory) => new(TokenizerSpecReader.Read(ModelDirectory.Open(nameOrDirectory)));

    /// <summary>Token ids of one caption with its special tokens, at most MaxLength. Lone surrogates count as U+FFFD.</summary>
    public IReadOnlyList<int> Encode(string caption) => EncodeToArray(caption);

    /// <summary>Token ids of each caption, in order; on several threads where that pays.</summary>
    public int[][] Encode(IReadOnlyList<string> captions, int threads = 0)
    {
        var ids = new int[captions.Count][];
        if (captions.Count < 256)
        {
            for (var i = 0; i < ids.Length; i++)
            {
                ids[i] = EncodeToArray(captions[i]);
            }
            return ids;
        }
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
        Parallel.ForEach(Partitioner.Create(0, ids.Length, 128), options, range =>
        {
            for (var i = range.Item1; i < range.Item2; i++)
            {
                ids[i] = EncodeToArray(captions[i]);
            }
        });
        return ids;
    }

    private int[] EncodeToArray(string caption)
    {
        ArgumentNullException.ThrowIfNull(caption);
        if (spec.LowerCaseFirst)
        {
            caption = LowerCase(caption);
        }
        if (!normalizers.TryTake(out var normalizer))
        {
            normalizer = new TextNormalizer(spec.Normalizer);
        }
        var ids = new List<int>(32);
        ids.AddRange(spec.Prefix);
        var limit = Math.Max(spec.Prefix.Length, spec.MaxLength - spec.Suffix.Length);
        AppendText(caption, normalizer, ids, limit);
        if (ids.Count > limit)
        {
            ids.RemoveRange(limit, ids.Count - limit);
        }
        ids.AddRange(spec.Suffix);
        normalizers.Add(normalizer);
        return [.. ids];
    }

    /// <summary>Ids of the text between added tokens and of these; what is past the limit may be left out.</summary>
    private void AppendText(ReadOnlySpan<char> text, TextNormalizer normalizer, List<int> ids, int limit)
    {
        for (var from = 0; from < text.Length && ids.Count < limit;)
        {
            var token = rawAdded.Find(text, from, out var at);
            if (at > from)
            {
                AppendNormalized(normalizer.Normalize(text[from..at]), ids, limit);
            }
            if (token is not null)
            {
                ids.Add(token.Id);
            }
            from = at + (token?.Content.Length ?? 0);
        }
    }

    private void AppendNormalized(ReadOnlySpan<char> text, List<int> ids, int limit)
    {
        if (normalizedAdded.IsEmpty)
        {
            AppendWords(text, ids, limit);
            return;
        }
        for (var from = 0; from < text.Length && ids.Count < limit;)
        {
            var token = normalizedAdded.Find(text, from, out var at);
            AppendWords(text[from..at], ids, limit);
            if (token is not null)
            {
                ids.Add(token.Id);
            }
            from = at + (token?.Content.Length ?? 0);
        }
    }

    private void AppendWords(ReadOnlySpan<char> text, List<int> ids, int limit)
    {
        var words = new WordSplitter(text);
        while (ids.Count < limit && words.MoveNext())
        {
            if (words.CodePoints > spec.MaxWordLength)
            {
                ids.Add(wordPiece.UnknownTokenId);
            }
            else
            {
                ids.AddRange(WordIds(words.Word));
            }
        }
    }

    private int[] WordIds(ReadOnlySpan<char> word)
    {
        if (word.Length > CachedWordLength)
        {
            return Pieces(word);
        }
        if (wordsBySpan.TryGetValue(word, out var known))
        {
            return known;
        }
        var ids = Pieces(word);
        if (Volatile.Read(ref cachedWords) < CachedWords && words.TryAdd(word.ToString(), ids))
        {
            Interlocked.Increment(ref cachedWords);
        }
        return ids;
    }

    private int[] Pieces(ReadOnlySpan<char> word) =>
        [.. wordPiece.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false)];

    private static string LowerCase(string text)
    {
        var lower = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            lower.Append(new Rune(UnicodeData.ToLower(rune.Value)).ToString());
        }
        return lower.ToString();
    }

    /// <summary>The vocabulary as the library reads it: a token a line, at the line of its id; ids without a token are empty lines.</summary>
    private static MemoryStream VocabularyLines(Dictionary<string, int> vocabulary)
    {
        var lines = new string[vocabulary.Values.Max() + 1];
        // A token with a line break would shift all that follow; WordPiece never meets one, since white space separates words.
        foreach (var (token, id) in vocabulary)
        {
            lines[id] = token.AsSpan().ContainsAny('\r', '\n') ? "" : token;
        }
        return new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
    }
}
