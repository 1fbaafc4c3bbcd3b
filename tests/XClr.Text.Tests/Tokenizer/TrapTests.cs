namespace XClr.Text.Tests;

/// <summary>Each place where tokenizers go wrong as a case of its own, on BERT's uncased vocabulary.</summary>
public class TrapTests
{
    private static readonly CaptionTokenizer Tokenizer = CaptionTokenizer.Open(CaptionEmbedder.Default);
    private static readonly string[] Vocabulary = File.ReadAllText(Path.Combine(TextModels.StaticModel, "vocab.txt")).TrimEnd('\n').Split('\n');

    private static string Tokens(string text) => string.Join(' ', Tokenizer.Encode(text).Skip(1).SkipLast(1).Select(id => Vocabulary[id]));

    [Theory]
    [InlineData("Café Zürich, naïve", "cafe zurich , naive")]
    [InlineData("cafe\u0301", "cafe")]
    [InlineData("x\u0338", "x")]
    public void Accents_are_stripped(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Fact]
    public void Korean_stays_decomposed() => Assert.Equal("\u1112 ##\u1161 ##\u11AB", Tokens("\uD55C"));

    [Theory]
    [InlineData("a$b+c<d=e>f^g~h|i`j", "a $ b + c < d = e > f ^ g ~ h | i ` j")]
    [InlineData("5>3", "5 > 3")]
    public void Ascii_symbols_are_tokens(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Theory]
    [InlineData("good\U0001F600morning sun", "[UNK] sun")]
    [InlineData("a \U0001F600 b", "a [UNK] b")]
    [InlineData("20€ each", "20 ##€ each")]
    public void Other_symbols_stay_in_the_word(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Theory]
    [InlineData("snake_case", "snake _ case")]
    [InlineData("cat\tdog\ncow\rpig", "cat dog cow pig")]
    [InlineData("ca\u0000t do\u0007g co\u007Fw", "cat dog cow")]
    [InlineData("ca\u000Bt do\u0085g", "cat dog")]
    [InlineData("c\u00ADa\u200Bt\u200D \uFEFFdog", "cat dog")]
    [InlineData("ca\uE000t do\uE123g co\U0010FFFDw", "cat dog cow")]
    [InlineData("cat\u0378 dog", "[UNK] dog")]
    [InlineData("cat\u2028dog\u2029cow\u00A0pig", "cat dog cow pig")]
    public void Spaces_controls_and_unassigned(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Theory]
    [InlineData("a [MASK] b", "a [MASK] b")]
    [InlineData("x[SEP]y [MASK]s", "x [SEP] y [MASK] s")]
    [InlineData("[mask]", "[ mask ]")]
    [InlineData("[PAD][CLS][UNK]", "[PAD] [CLS] [UNK]")]
    [InlineData("[ MASK ]", "[ mask ]")]
    [InlineData("[[MASK]]", "[ [MASK] ]")]
    [InlineData("[unused5]", "[ unused ##5 ]")]
    public void Special_tokens_are_matched_on_the_raw_text(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Fact]
    public void Truncation_cuts_inside_a_word()
    {
        var long1 = string.Join(' ', Enumerable.Repeat("cat", 253)) + " surfboarding";
        var pieces = Tokenizer.Encode("surfboarding");
        Assert.True(pieces.Count > 3, "the word must have two pieces or more");
        var ids = Tokenizer.Encode(long1);
        Assert.Equal(256, ids.Count);
        Assert.Equal(pieces[1], ids[254]);
        Assert.Equal(pieces[^1], ids[255]);
    }

    [Fact]
    public void Words_are_measured_in_code_points_after_stripping()
    {
        var hundred = string.Concat(Enumerable.Repeat("e\u0301", 100));
        Assert.Equal(Tokens(new string('e', 100)), Tokens(hundred));
        Assert.NotEqual("[UNK]", Tokens(hundred));
        Assert.Equal("[UNK]", Tokens(hundred + "e"));
    }

    [Theory]
    [InlineData("\u03A3\u0391\u03A3", "\u03C3 ##\u03B1 ##\u03C3")] // a final sigma stays σ
    [InlineData("straße", "st ##ra\u00DFe")]
    [InlineData("\u0141\u00D8\u0110\u00C6", "\u0142 ##\u00F8 ##\u0111 ##\u00E6")]
    public void Lower_case_is_per_code_point(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Theory]
    [InlineData("\u01C5", "\u01C6")] // titlecase
    [InlineData("\u2167", "\u2177")] // Roman numeral eight
    [InlineData("\uFB01", "\uFB01")] // a ligature has no canonical decomposition
    public void Titlecase_and_numerals_lower_and_ligatures_stay(string text, string normalized) =>
        Assert.Equal(normalized, new TextNormalizer(new NormalizerOptions()).Normalize(text).ToString());

    [Theory]
    [InlineData("x\u4E00y", "x \u4E00 y")]
    [InlineData("x\U0002B820y", "[UNK]")]
    [InlineData("x\U0002B91Fy", "[UNK]")]
    [InlineData("x\U0002B920y", "x [UNK] y")]
    [InlineData("x\U0002B81Fy", "x [UNK] y")]
    public void Ideographs_are_split_but_for_one_block(string text, string tokens) => Assert.Equal(tokens, Tokens(text));

    [Fact]
    public void Lone_surrogates_do_not_throw()
    {
        Assert.Equal("cat dog", Tokens("c\uD800at \uDC00dog"));
        Assert.Equal("cat", Tokens("\uD83Dcat\uD83D"));
    }

    [Theory]
    [InlineData(null, true, "cafe")]
    [InlineData(true, true, "cafe")]
    [InlineData(false, true, "café")]
    [InlineData(null, false, "CAFÉ")]
    [InlineData(true, false, "CAFE")]
    public void Strip_accents_follows_lower_case_unless_said(bool? strip, bool lower, string normalized) =>
        Assert.Equal(normalized, new TextNormalizer(new NormalizerOptions(StripAccents: strip, LowerCase: lower)).Normalize("CAFÉ").ToString());

    [Fact]
    public void Dotted_capital_i_keeps_its_dot_where_accents_are_kept()
    {
        Assert.Equal("i\u0307", new TextNormalizer(new NormalizerOptions(StripAccents: false)).Normalize("\u0130").ToString());
        Assert.Equal("i", new TextNormalizer(new NormalizerOptions()).Normalize("\u0130").ToString());
    }

    [Fact]
    public void Ideographs_stay_together_where_the_model_says_so() =>
        Assert.Equal("x\u4E00y", new TextNormalizer(new NormalizerOptions(SplitChinese: false)).Normalize("x\u4E00y").ToString());
}
