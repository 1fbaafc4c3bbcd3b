using System.Globalization;
using XClr.Gpu;

namespace XClr.Train;

/// <summary>How an option's value is written in JSON.</summary>
public enum OptionForm
{
    Text,
    Number,
    NumberOrText,
    Switch,
}

/// <summary>
/// One option of `train`: its name on the command line and in config files, unit, meaning, default and range.
/// </summary>
public abstract class TrainOption(string name, string unit, string help, OptionForm form, string allowed)
{
    /// <summary>The name, without dashes.</summary>
    public string Name { get; } = name;

    /// <summary>Unit, or kind of value; empty for a switch.</summary>
    public string Unit { get; } = unit;

    /// <summary>What it does, one sentence without unit and default.</summary>
    public string Help { get; } = help;

    /// <summary>How its value is written in JSON.</summary>
    public OptionForm Form { get; } = form;

    /// <summary>The values that are accepted, in words.</summary>
    public string Allowed { get; } = allowed;

    /// <summary>The value as the command line takes it; null where it is unset.</summary>
    public abstract string? Get(TrainConfig config);

    /// <summary>The configuration with this option set from text; empty text unsets an optional one.</summary>
    /// <exception cref="UsageException">The text is no such value, or out of range.</exception>
    public TrainConfig Set(TrainConfig config, string text, string? source = null) => TrySet(config, text)
        ?? throw new UsageException($"{OptionText.Origin(source)}{(source is null ? "--" : "")}{Name} '{text}' is not accepted; allowed: {Allowed}.");

    /// <summary>As <see cref="Set"/>; null where the text is not accepted.</summary>
    protected abstract TrainConfig? TrySet(TrainConfig config, string text);

    /// <summary>Help with unit and default, as `--help` shows it.</summary>
    public string Describe()
    {
        var kind = Form == OptionForm.Text && Allowed.Contains('|') ? Allowed : Unit;
        var value = Get(new TrainConfig());
        return $"{Help}{(kind.Length > 0 ? $" [{kind}]" : "")} (default: {(string.IsNullOrEmpty(value) ? "unset" : value)})";
    }
}

/// <summary>What a kind of value looks like as text. Parse returns false for text that is no such value or out of range.</summary>
public sealed record OptionValue<T>(OptionForm Form, string Allowed, OptionValue<T>.Parser Parse, Func<T, string?> Format)
{
    public delegate bool Parser(string text, out T value);
}

/// <summary>An option of type T, which reads and replaces one value of the configuration.</summary>
internal sealed class TrainOption<T>(
    string name, string unit, string help, OptionValue<T> value, Func<TrainConfig, T> get, Func<TrainConfig, T, TrainConfig> set)
    : TrainOption(name, unit, help, value.Form, value.Allowed)
{
    public override string? Get(TrainConfig config) => value.Format(get(config));

    protected override TrainConfig? TrySet(TrainConfig config, string text) => value.Parse(text, out var parsed) ? set(config, parsed) : null;
}

/// <summary>The kinds of values.</summary>
internal static class OptionValues
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>Any text; empty is refused.</summary>
    public static OptionValue<string> Text { get; } = new(OptionForm.Text, "any text", static (string t, out string v) => (v = t).Length > 0, static v => v);

    /// <summary>Any text; empty unsets.</summary>
    public static OptionValue<string?> OptionalText { get; } = new(
        OptionForm.Text, "any text", static (string t, out string? v) => (v = t.Length > 0 ? t : null) is null or { Length: > 0 }, static v => v);

    /// <summary>true or false.</summary>
    public static OptionValue<bool> Switch { get; } = new(
        OptionForm.Switch, "true|false", static (string t, out bool v) => bool.TryParse(t, out v), static v => v ? "true" : "false");

    /// <summary>A length of time, such as 90s, 150m, 2h, 1d or 1h30m; empty unsets.</summary>
    public static OptionValue<TimeSpan?> OptionalDuration { get; } = new(
        OptionForm.Text, "a time such as 90s, 150m, 2h, 1h30m or 1d, above zero", OptionText.TryParseDuration, OptionText.FormatDuration);

    /// <summary>A size in bytes, such as 3GiB or 500M; empty unsets.</summary>
    public static OptionValue<long?> OptionalSize { get; } = new(
        OptionForm.Text, "a size such as 3GiB or 500M, from 1M up", TryParseSize, static v => v?.ToString(Invariant));

    /// <summary>A whole number.</summary>
    public static OptionValue<long> Long(long min, long max = long.MaxValue) => new(
        OptionForm.Number, WholeRange(min, max),
        (string t, out long v) => long.TryParse(t, NumberStyles.AllowLeadingSign, Invariant, out v) && v >= min && v <= max,
        static v => v.ToString(Invariant));

    /// <summary>A whole number; empty unsets.</summary>
    public static OptionValue<long?> OptionalLong(long min, long max = long.MaxValue) => Optional(Long(min, max));

    /// <summary>A whole number.</summary>
    public static OptionValue<int> Int(int min, int max = int.MaxValue) => new(
        OptionForm.Number, WholeRange(min, max),
        (string t, out int v) => int.TryParse(t, NumberStyles.AllowLeadingSign, Invariant, out v) && v >= min && v <= max,
        static v => v.ToString(Invariant));

    /// <summary>A whole number from 0 up, or `auto`: null.</summary>
    public static OptionValue<int?> IntOrAuto { get; } = new(
        OptionForm.NumberOrText, "auto|a whole number from 0 up",
        (string t, out int? v) =>
        {
            var isNumber = int.TryParse(t, NumberStyles.None, Invariant, out var number);
            v = isNumber ? number : null;
            return isNumber || t.Equals("auto", StringComparison.OrdinalIgnoreCase);
        },
        static v => v?.ToString(Invariant) ?? "auto");

    /// <summary>A whole number from 0 to 2^64 - 1.</summary>
    public static OptionValue<ulong> ULong { get; } = new(
        OptionForm.Number, "a whole number from 0 to 18446744073709551615",
        static (string t, out ulong v) => ulong.TryParse(t, NumberStyles.None, Invariant, out v), static v => v.ToString(Invariant));

    /// <summary>A finite number.</summary>
    public static OptionValue<double> Number(double min, double max, bool aboveMin = false) => new(
        OptionForm.Number, NumberRange(min, max, aboveMin),
        (string t, out double v) => double.TryParse(t, NumberStyles.Float, Invariant, out v)
            && double.IsFinite(v) && (aboveMin ? v > min : v >= min) && v <= max,
        static v => v.ToString("R", Invariant));

    /// <summary>A finite number; empty unsets.</summary>
    public static OptionValue<double?> OptionalNumber(double min, double max, bool aboveMin = false) => Optional(Number(min, max, aboveMin));

    /// <summary>One name of an enum, in lower case on output and any case on input.</summary>
    public static OptionValue<T> Choice<T>() where T : struct, Enum => new(
        OptionForm.Text, OptionText.NamesOf<T>(), OptionText.TryParseName, static v => v.LowerName());

    private static bool TryParseSize(string text, out long? bytes)
    {
        try
        {
            bytes = text.Length == 0 ? null : DeviceCaps.ParseSize(text);
            return bytes is null or >= 1 << 20;
        }
        catch (GpuException)
        {
            bytes = null;
            return false;
        }
    }

    private static OptionValue<T?> Optional<T>(OptionValue<T> kind) where T : struct => new(
        kind.Form, kind.Allowed,
        (string t, out T? v) =>
        {
            var accepted = kind.Parse(t, out var parsed);
            v = accepted ? parsed : null;
            return accepted || t.Length == 0;
        },
        v => v is { } value ? kind.Format(value) : null);

    private static string WholeRange(long min, long max) => max >= int.MaxValue
        ? $"a whole number from {min} up"
        : $"a whole number from {min} to {max}";

    private static string NumberRange(double min, double max, bool aboveMin)
    {
        var low = string.Create(Invariant, $"a number {(aboveMin ? "above" : "from")} {min}");
        return max == double.MaxValue ? (aboveMin ? low : $"{low} up") : string.Create(Invariant, $"{low} to {max}");
    }
}
