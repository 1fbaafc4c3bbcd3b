using System.Text.Json;

namespace XClr.Text;

/// <summary>
/// Reads a TokenizerSpec from a directory in any of its forms: vocab.txt or the vocabulary inside tokenizer.json; special tokens from
/// tokenizer.json's post-processor, or named (as text or object) by special_tokens_map.json or tokenizer_config.json. The truncation
/// and padding inside tokenizer.json are those of some training run, and are ignored.
/// </summary>
internal sealed class TokenizerSpecReader
{
    private const string Remedy = "Only WordPiece tokenizers (BERT, MPNet, DistilBERT) can be used: " +
        "all-MiniLM-L6-v2, all-mpnet-base-v2 or the built-in static-minilm-128, for example.";
    private const int MaxTokenId = 10_000_000;

    // Special tokens by role, with what the two families call them where no file does.
    private static readonly (string Key, string? Bert, string? Mpnet)[] Roles =
    [
        ("unk_token", "[UNK]", "[UNK]"), ("sep_token", "[SEP]", "</s>"), ("pad_token", "[PAD]", "<pad>"), ("cls_token", "[CLS]", "<s>"),
        ("mask_token", "[MASK]", "<mask>"), ("bos_token", null, "<s>"), ("eos_token", null, "</s>"),
    ];

    private readonly ModelDirectory directory;
    private readonly JsonFile? fast;
    private readonly JsonFile? config;
    private readonly JsonFile? specialMap;
    private readonly Dictionary<string, int> vocabulary;
    private readonly string vocabularyFile;
    private readonly bool isBert;

    private TokenizerSpecReader(ModelDirectory directory)
    {
        this.directory = directory;
        fast = JsonFile.ReadIfPresent(directory.Find("tokenizer.json"));
        config = JsonFile.ReadIfPresent(directory.Find("tokenizer_config.json"));
        specialMap = JsonFile.ReadIfPresent(directory.Find("special_tokens_map.json"));
        RefuseOtherModels();
        (vocabulary, vocabularyFile) = ReadVocabulary();
        // MPNet's vocabulary has all of BERT's tokens besides its own.
        isBert = IdOf("<s>") is null;
    }

    public static TokenizerSpec Read(ModelDirectory directory) => new TokenizerSpecReader(directory).Read();

    private TokenizerSpec Read()
    {
        var model = fast?.Get("model") ?? default;
        var sentence = JsonFile.ReadIfPresent(directory.Find("sentence_bert_config.json"));
        var (prefix, suffix) = ReadTemplate();
        var unknown = fast?.Text(model, "unk_token") ?? SpecialToken("unk_token") ?? "[UNK]";
        var maxLength = ReadMaxLength(sentence);
        if (maxLength < prefix.Length + suffix.Length + 1)
        {
            throw new TextException($"{directory.Root}: a length limit of {maxLength} tokens leaves no room for text. Correct max_seq_length in sentence_bert_config.json.");
        }
        RequireToken(unknown);
        return new TokenizerSpec
        {
            Vocabulary = vocabulary,
            Added = ReadAdded(),
            Prefix = prefix,
            Suffix = suffix,
            PadId = SpecialToken("pad_token") is { } pad ? RequireToken(pad) : IdOf(isBert ? "[PAD]" : "<pad>") ?? 0,
            UnknownToken = unknown,
            ContinuationPrefix = fast?.Text(model, "continuing_subword_prefix") ?? "##",
            MaxWordLength = fast?.Whole(model, "max_input_chars_per_word") ?? 100,
            Normalizer = ReadNormalizer(),
            LowerCaseFirst = sentence?.Flag("do_lower_case") ?? false,
            MaxLength = maxLength,
        };
    }

    private void RefuseOtherModels()
    {
        if (fast is not null)
        {
            if (fast.Get("model") is not { } model)
            {
                throw new TextException($"{fast.Path} has no \"model\". Download the file again.");
            }
            var type = fast.Text(model, "type") ?? (JsonFile.Get(model, "merges") is not null ? "BPE"
                : JsonFile.Get(model, "vocab") is { ValueKind: JsonValueKind.Array } ? "Unigram" : "WordPiece");
            if (type != "WordPiece")
            {
                throw new TextException($"{fast.Path}: the tokenizer's model is {type}. {Remedy}");
            }
            return;
        }
        foreach (var (name, kind) in (ReadOnlySpan<(string, string)>)[("sentencepiece.bpe.model", "SentencePiece"), ("spiece.model", "SentencePiece"),
                     ("tokenizer.model", "SentencePiece"), ("merges.txt", "BPE")])
        {
            if (directory.Find(name) is { } file && directory.Find("vocab.txt") is null)
            {
                throw new TextException($"{file}: the tokenizer is a {kind} model. {Remedy}");
            }
        }
    }

    private (Dictionary<string, int>, string) ReadVocabulary()
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        if (directory.Find("vocab.txt") is { } file)
        {
            var id = 0;
            // A token that stands twice has its last line as its id, as in the reference.
            foreach (var line in ReadLines(file))
            {
                vocabulary[line.TrimEnd()] = id++;
            }
            vocabulary.Remove("");
            return vocabulary.Count > 0 ? (vocabulary, file) : throw new TextException($"{file} is empty. Download the file again.");
        }
        if (fast is null)
        {
            throw new TextException($"{directory.Root} has neither vocab.txt nor tokenizer.json: there is no vocabulary. Download one of them from where the model came from.");
        }
        if (JsonFile.Get(fast.Get("model")!.Value, "vocab") is not { ValueKind: JsonValueKind.Object } entries)
        {
            throw new TextException($"{fast.Path}: \"model\" has no \"vocab\" object. Download the file again.");
        }
        foreach (var entry in entries.EnumerateObject())
        {
            vocabulary[entry.Name] = TokenId(fast, entry.Name, entry.Value);
        }
        return vocabulary.Count > 0 ? (vocabulary, fast.Path) : throw new TextException($"{fast.Path}: the vocabulary is empty. Download the file again.");
    }

    private static string[] ReadLines(string file)
    {
        try
        {
            // Lines end at LF alone: other separators may be tokens.
            return File.ReadAllText(file).TrimEnd('\n').Split('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TextException($"{file} cannot be read ({e.Message}). Check that you may read it, or download it again.", e);
        }
    }

    /// <summary>The ids around a single text: from tokenizer.json's post-processor, else the class and separator tokens by name.</summary>
    private (int[] Prefix, int[] Suffix) ReadTemplate()
    {
        if (fast?.Get("post_processor") is { } processor && ReadProcessor(processor) is { } template)
        {
            return template;
        }
        var begin = SpecialToken("cls_token") ?? (isBert ? "[CLS]" : "<s>");
        var end = SpecialToken("sep_token") ?? (isBert ? "[SEP]" : "</s>");
        return ([RequireToken(begin)], [RequireToken(end)]);
    }

    private (int[], int[])? ReadProcessor(JsonElement processor)
    {
        switch (fast!.Text(processor, "type"))
        {
            case "TemplateProcessing":
                return ReadSingleTemplate(processor);
            case "BertProcessing" or "RobertaProcessing":
                return ([PairId(processor, "cls")], [PairId(processor, "sep")]);
            case "Sequence" when JsonFile.Get(processor, "processors") is { ValueKind: JsonValueKind.Array } inner:
                return inner.EnumerateArray().Select(ReadProcessor).FirstOrDefault(t => t is not null);
            case "ByteLevel":
                return null;
            case var other:
                throw new TextException($"{fast.Path}: the post-processor {other} is not known. {Remedy}");
        }
    }

    private (int[], int[]) ReadSingleTemplate(JsonElement processor)
    {
        List<int> prefix = [], suffix = [];
        var current = prefix;
        if (JsonFile.Get(processor, "single") is not { ValueKind: JsonValueKind.Array } single)
        {
            throw fast!.Wrong("post_processor", processor, "a template with \"single\"");
        }
        foreach (var piece in single.EnumerateArray())
        {
            if (JsonFile.Get(piece, "Sequence") is not null)
            {
                current = suffix;
                continue;
            }
            var name = JsonFile.Get(piece, "SpecialToken") is { } special ? fast!.Text(special, "id") : null;
            if (name is null)
            {
                throw fast!.Wrong("single", piece, "SpecialToken or Sequence");
            }
            var ids = JsonFile.Get(processor, "special_tokens") is { } map && JsonFile.Get(map, name) is { } entry ? JsonFile.Get(entry, "ids") : null;
            if (ids is { ValueKind: JsonValueKind.Array })
            {
                current.AddRange(ids.Value.EnumerateArray().Select(id => TokenId(fast!, name, id)));
            }
            else
            {
                current.Add(RequireToken(name));
            }
        }
        return ([.. prefix], [.. suffix]);
    }

    private int PairId(JsonElement processor, string key) =>
        JsonFile.Get(processor, key) is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2
            ? TokenId(fast!, key, pair[1]) : throw fast!.Wrong("post_processor", processor, $"[token, id] under \"{key}\"");

    /// <summary>Tokens matched on the text itself, with the special tokens of every file; the first mention of a text wins.</summary>
    private List<AddedToken> ReadAdded()
    {
        var added = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        if (fast?.Get("added_tokens") is { ValueKind: JsonValueKind.Array } list)
        {
            foreach (var token in list.EnumerateArray())
            {
                Add(fast, token, JsonFile.Get(token, "id") is { } id ? TokenId(fast, "added_tokens", id) : null);
            }
        }
        if (config?.Get("added_tokens_decoder") is { ValueKind: JsonValueKind.Object } decoder)
        {
            foreach (var token in decoder.EnumerateObject())
            {
                Add(config, token.Value, int.TryParse(token.Name, out var id) && id is >= 0 and <= MaxTokenId ? id : null);
            }
        }
        if (JsonFile.ReadIfPresent(directory.Find("added_tokens.json")) is { Root.ValueKind: JsonValueKind.Object } extra)
        {
            foreach (var token in extra.Root.EnumerateObject())
            {
                added.TryAdd(token.Name, new AddedToken(token.Name, TokenId(extra, token.Name, token.Value)));
            }
        }
        foreach (var (key, bert, mpnet) in Roles)
        {
            if ((SpecialToken(key) ?? (isBert ? bert : mpnet)) is { } content && (IdOf(content) ?? (added.TryGetValue(content, out var known) ? known.Id : null)) is { } id)
            {
                added.TryAdd(content, new AddedToken(content, id));
            }
        }
        return [.. added.Values];

        void Add(JsonFile file, JsonElement token, int? id)
        {
            var content = file.Text(token, "content");
            if (content is null || id is null)
            {
                throw file.Wrong("added_tokens", token, "\"id\" and \"content\"");
            }
            added.TryAdd(content, new AddedToken(content, id.Value,
                file.Flag(token, "single_word") ?? false, file.Flag(token, "normalized") ?? false));
        }
    }

    /// <summary>tokenizer_config.json decides where it says something, as in the reference; then tokenizer.json; then BERT's own defaults.</summary>
    private NormalizerOptions ReadNormalizer()
    {
        var fast = this.fast?.Get("normalizer") ?? default;
        if (fast.ValueKind == JsonValueKind.Object && this.fast!.Text(fast, "type") is var type and not "BertNormalizer")
        {
            throw new TextException($"{this.fast.Path}: the normaliser {type} is not known, only BertNormalizer is. {Remedy}");
        }
        var splitter = this.fast?.Get("pre_tokenizer") ?? default;
        if (splitter.ValueKind == JsonValueKind.Object && this.fast!.Text(splitter, "type") is var split and not "BertPreTokenizer")
        {
            throw new TextException($"{this.fast.Path}: the pre-tokeniser {split} is not known, only BertPreTokenizer is. {Remedy}");
        }
        return new NormalizerOptions(
            CleanText: this.fast?.Flag(fast, "clean_text") ?? true,
            SplitChinese: config?.Flag("tokenize_chinese_chars") ?? this.fast?.Flag(fast, "handle_chinese_chars") ?? true,
            // Here a null is an answer too: "as do_lower_case says".
            StripAccents: config is not null && config.Root.TryGetProperty("strip_accents", out _)
                ? config.Flag("strip_accents") : this.fast?.Flag(fast, "strip_accents"),
            LowerCase: config?.Flag("do_lower_case") ?? this.fast?.Flag(fast, "lowercase") ?? true);
    }

    /// <summary>The sentence configuration's limit, else the tokenizer's; never more than the model has positions for.</summary>
    private int ReadMaxLength(JsonFile? sentence)
    {
        var config = JsonFile.ReadIfPresent(directory.Find("config.json"));
        var positions = config?.Whole("max_position_embeddings") ?? int.MaxValue;
        // MPNet numbers its positions from pad id + 1 on: two of them are never used.
        if (config?.Text("model_type") is "mpnet" or "roberta" or "xlm-roberta" or "camembert" && positions != int.MaxValue)
        {
            positions -= 2;
        }
        var limit = sentence?.Whole("max_seq_length") ?? this.config?.Whole("model_max_length") ?? int.MaxValue;
        limit = Math.Min(limit, positions);
        return limit == int.MaxValue ? 512 : limit;
    }

    /// <summary>A special token by its role, written as text or as an object with "content".</summary>
    private string? SpecialToken(string key)
    {
        foreach (var file in (JsonFile?[])[specialMap, config])
        {
            if (file?.Get(key) is not { } value)
            {
                continue;
            }
            return value.ValueKind == JsonValueKind.String ? value.GetString() : file.Text(value, "content") ?? throw file.Wrong(key, value, "text or an object with \"content\"");
        }
        return null;
    }

    private int? IdOf(string token) => vocabulary.TryGetValue(token, out var id) ? id : null;

    private int RequireToken(string token) => IdOf(token) ?? throw new TextException(
        $"{vocabularyFile}: the vocabulary has no token {token}, which the tokenizer needs. Download the tokenizer's files again; they must belong together.");

    private static int TokenId(JsonFile file, string token, JsonElement id) =>
        id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value) && value is >= 0 and <= MaxTokenId
            ? value : throw file.Wrong(token, id, $"a token id from 0 to {MaxTokenId}");
}
