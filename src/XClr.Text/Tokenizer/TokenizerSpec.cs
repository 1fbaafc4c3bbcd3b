namespace XClr.Text;

/// <summary>Everything a sentence-transformer directory says about its WordPiece tokenizer, whatever its form.</summary>
internal sealed record TokenizerSpec
{
    /// <summary>Token to id.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    public required IReadOnlyList<AddedToken> Added { get; init; }

    /// <summary>Ids set before each text, such as [CLS] or &lt;s&gt;.</summary>
    public required int[] Prefix { get; init; }

    /// <summary>Ids set after each text, such as [SEP] or &lt;/s&gt;.</summary>
    public required int[] Suffix { get; init; }

    public required int PadId { get; init; }

    public required string UnknownToken { get; init; }

    public string ContinuationPrefix { get; init; } = "##";

    /// <summary>Words of more code points are unknown.</summary>
    public int MaxWordLength { get; init; } = 100;

    public required NormalizerOptions Normalizer { get; init; }

    /// <summary>Lower case of the raw text, special tokens included (sentence_bert_config.json, do_lower_case).</summary>
    public bool LowerCaseFirst { get; init; }

    /// <summary>Tokens of an encoded text at most, prefix and suffix included.</summary>
    public required int MaxLength { get; init; }
}
