namespace XClr.Text.Tests;

/// <summary>Tokenizer files in each form they come in, and those that are refused.</summary>
public class TokenizerFormsTests
{
    private const string MpnetVocabulary = "<s>\n<pad>\n</s>\n<unk>\n[UNK]\na\ncat\n##s\n<\n>\nmask\n<mask>\n[CLS]\n[SEP]\n[PAD]\n";
    private const string FastModel =
        """ "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "[UNK]": 4, "a": 5, "cat": 6, "##s": 7, "<mask>": 11, "Cat": 12, "É": 13, "é": 14, "e": 15}} """;
    private const string Roberta = """ "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": true} """;
    private const string Limit = """{"max_seq_length": 16}""";

    [Theory]
    [InlineData("\"<mask>\"")]
    [InlineData("""{"content": "<mask>", "lstrip": true, "normalized": false, "rstrip": false, "single_word": false}""")]
    public void Mpnet_from_vocab_txt(string mask)
    {
        using var folder = new TempFolder();
        folder.With("vocab.txt", MpnetVocabulary).With("sentence_bert_config.json", Limit).With("special_tokens_map.json",
            $$"""{"cls_token": "<s>", "sep_token": {"content": "</s>"}, "pad_token": "<pad>", "unk_token": "[UNK]", "mask_token": {{mask}}}""");
        var tokenizer = CaptionTokenizer.Open(folder.Path);
        Assert.Equal([0, 5, 11, 6, 7, 4, 2], tokenizer.Encode("A <mask>cats zebra"));
        Assert.Equal(1, tokenizer.PadId);
        Assert.Equal(16, tokenizer.MaxLength);
    }

    [Fact]
    public void Mpnet_from_vocab_txt_alone()
    {
        using var folder = new TempFolder();
        var tokenizer = CaptionTokenizer.Open(folder.With("vocab.txt", MpnetVocabulary).Path);
        Assert.Equal([0, 5, 11, 6, 4, 4, 4, 2], tokenizer.Encode("a<mask>cat[CLS]"));
        Assert.Equal((1, 512), (tokenizer.PadId, tokenizer.MaxLength));
    }

    [Fact]
    public void Bert_from_vocab_txt_alone()
    {
        using var folder = new TempFolder();
        var tokenizer = CaptionTokenizer.Open(folder.With("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\ncat\r\n").Path);
        Assert.Equal([2, 5, 4, 0, 3], tokenizer.Encode("cat[MASK] [PAD]"));
        Assert.Equal((0, 512), (tokenizer.PadId, tokenizer.MaxLength));
    }

    [Fact]
    public void Mpnet_from_tokenizer_json_alone()
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""
            {"truncation": {"max_length": 3}, "padding": {"strategy": {"Fixed": 3} },
             "added_tokens": [{"id": 11, "content": "<mask>", "lstrip": true, "normalized": false, "single_word": false}, {"id": 1, "content": "<pad>"}],
             "normalizer": {"type": "BertNormalizer", "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}, {{Roberta}}, {{FastModel}} }
            """).With("tokenizer_config.json", """{"model_max_length": 12}""");
        var tokenizer = CaptionTokenizer.Open(folder.Path);
        Assert.Equal([0, 5, 11, 6, 7, 4, 2], tokenizer.Encode("A <mask>cats zebra"));
        Assert.Equal(12, tokenizer.MaxLength);
        Assert.Equal(1, tokenizer.PadId);
    }

    [Fact]
    public void Positions_of_the_model_bound_the_length()
    {
        using var folder = new TempFolder();
        folder.With("vocab.txt", MpnetVocabulary).With("config.json", """{"model_type": "mpnet", "max_position_embeddings": 514}""")
            .With("tokenizer_config.json", """{"model_max_length": 1000000000000000019884624838656, "pad_token": "<pad>"}""");
        Assert.Equal(512, CaptionTokenizer.Open(folder.Path).MaxLength);
    }

    [Theory]
    [InlineData("true", "null", new[] { 0, 6, 15, 2 })]
    [InlineData("true", "false", new[] { 0, 6, 14, 2 })]
    [InlineData("false", "null", new[] { 0, 12, 13, 2 })]
    [InlineData("false", "true", new[] { 0, 12, 4, 2 })]
    public void Case_and_accents_follow_tokenizer_config(string lower, string strip, int[] ids)
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""{"normalizer": {"type": "BertNormalizer", "lowercase": true}, {{Roberta}}, {{FastModel}} }""")
            .With("tokenizer_config.json", $$"""{"do_lower_case": {{lower}}, "strip_accents": {{strip}}, "model_max_length": 8}""");
        Assert.Equal(ids, CaptionTokenizer.Open(folder.Path).Encode("Cat É"));
    }

    /// <summary>sentence-transformers lowers the text before the tokenizer sees it, which keeps case and accents here.</summary>
    [Theory]
    [InlineData("true", new[] { 0, 6, 14, 2 })]
    [InlineData("false", new[] { 0, 12, 13, 2 })]
    public void The_sentence_config_may_lower_the_text_first(string lower, int[] ids)
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""{"normalizer": {"type": "BertNormalizer", "lowercase": false, "strip_accents": false}, {{Roberta}}, {{FastModel}} }""")
            .With("sentence_bert_config.json", $$"""{"max_seq_length": 16, "do_lower_case": {{lower}}}""");
        Assert.Equal(ids, CaptionTokenizer.Open(folder.Path).Encode("Cat É"));
    }

    [Fact]
    public void Added_tokens_may_be_normalised_or_stand_alone()
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""
            {"added_tokens": [{"id": 20, "content": "Rare Word", "normalized": true}, {"id": 21, "content": "ca", "single_word": true}, {"id": 22, "content": "at", "single_word": true}], {{Roberta}}, {{FastModel}} }
            """).With("sentence_bert_config.json", Limit);
        Assert.Equal([0, 5, 20, 6, 21, 22, 2], CaptionTokenizer.Open(folder.Path).Encode("a rare word cat ca at"));
    }

    [Fact]
    public void The_longest_added_token_is_taken()
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""
            {"added_tokens": [{"id": 20, "content": "<a"}, {"id": 21, "content": "<a>"}, {"id": 22, "content": "<"}], {{Roberta}}, {{FastModel}} }
            """).With("sentence_bert_config.json", Limit);
        Assert.Equal([0, 21, 6, 20, 6, 22, 6, 2], CaptionTokenizer.Open(folder.Path).Encode("<a>cat<a cat< cat"));
    }

    [Fact]
    public void A_sequence_of_processors_is_searched()
    {
        using var folder = new TempFolder();
        folder.With("tokenizer.json", $$"""
            {"post_processor": {"type": "Sequence", "processors": [{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0} },
             {"Sequence": {"id": "A", "type_id": 0} }, {"SpecialToken": {"id": "</s>", "type_id": 0} }], "special_tokens": {"<s>": {"ids": [0]}, "</s>": {"ids": [2]} } }] }, {{FastModel}} }
            """).With("sentence_bert_config.json", Limit);
        Assert.Equal([0, 6, 2], CaptionTokenizer.Open(folder.Path).Encode("cat"));
    }

    [Theory]
    [InlineData("tokenizer.json", """{"model": {"type": "BPE", "vocab": {}, "merges": []}}""", "BPE")]
    [InlineData("tokenizer.json", """{"model": {"type": "Unigram", "vocab": []}}""", "Unigram")]
    [InlineData("tokenizer.json", """{"model": {"vocab": {"a": 0}, "merges": []}}""", "BPE")]
    [InlineData("sentencepiece.bpe.model", "x", "SentencePiece")]
    [InlineData("spiece.model", "x", "SentencePiece")]
    [InlineData("merges.txt", "x", "BPE")]
    public void Other_tokenizers_are_refused_by_name(string file, string text, string kind)
    {
        using var folder = new TempFolder();
        var error = Assert.Throws<TextException>(() => CaptionTokenizer.Open(folder.With(file, text).Path));
        Assert.Contains(kind, error.Message);
        Assert.Contains(folder.File(file), error.Message);
        Assert.Contains("static-minilm-128", error.Message);
    }

    [Theory]
    [InlineData("vocab.txt", "")]
    [InlineData("vocab.txt", "a\nb\n")]
    [InlineData("tokenizer.json", "{")]
    [InlineData("tokenizer.json", "{}")]
    [InlineData("tokenizer.json", """{"model": {"type": "WordPiece", "vocab": {"[UNK]": -1}}}""")]
    [InlineData("tokenizer.json", """{"model": {"type": "WordPiece", "vocab": {"[UNK]": 0}}}""")]
    [InlineData("tokenizer.json", """{"normalizer": {"type": "NFC"}, "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}}}""")]
    public void Corrupt_files_are_named(string file, string text)
    {
        using var folder = new TempFolder();
        folder.With(file, text);
        Assert.Contains(folder.File(file), Assert.Throws<TextException>(() => CaptionTokenizer.Open(folder.Path)).Message);
    }

    [Theory]
    [InlineData("tokenizer_config.json", """{"do_lower_case": "yes"}""", "do_lower_case")]
    [InlineData("tokenizer_config.json", "nonsense", "not valid JSON")]
    [InlineData("tokenizer_config.json", """{"pad_token": "\ud800"}""", "tokenizer_config.json is not valid JSON")]
    [InlineData("tokenizer_config.json", """{"\udc00": 1}""", "tokenizer_config.json is not valid JSON")]
    [InlineData("special_tokens_map.json", """{"a": [{"content": "\ud800"}]}""", "special_tokens_map.json is not valid JSON")]
    [InlineData("special_tokens_map.json", """{"pad_token": 5}""", "pad_token")]
    [InlineData("special_tokens_map.json", """{"pad_token": "<nowhere>"}""", "<nowhere>")]
    [InlineData("sentence_bert_config.json", """{"max_seq_length": -3}""", "max_seq_length")]
    [InlineData("sentence_bert_config.json", """{"max_seq_length": 2}""", "max_seq_length")]
    public void Wrong_values_are_named(string file, string text, string what)
    {
        using var folder = TextModels.CopyStatic();
        Assert.Contains(what, Assert.Throws<TextException>(() => CaptionTokenizer.Open(folder.With(file, text).Path)).Message);
    }

    [Fact]
    public void No_vocabulary_at_all_is_an_error()
    {
        using var folder = TextModels.CopyStatic("vocab.txt");
        Assert.Contains("vocab.txt", Assert.Throws<TextException>(() => CaptionTokenizer.Open(folder.Path)).Message);
    }
}
