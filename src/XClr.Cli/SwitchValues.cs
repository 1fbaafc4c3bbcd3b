using XClr.Train;

namespace XClr.Cli;

/// <summary>
/// The table's switches have values (`--nesterov false` takes back what a recipe says), and may do without: a bare `--nesterov` means true.
/// </summary>
internal static class SwitchValues
{
    private static readonly HashSet<string> Switches =
        [.. TrainOptions.All.Where(o => o.Form == OptionForm.Switch).Select(o => "--" + o.Name)];

    /// <summary>The arguments with `true` after each bare switch of verbs that use the table.</summary>
    public static IEnumerable<string> Insert(IReadOnlyList<string> args)
    {
        var table = args.Count > 0 && args[0] is "train" or "demo" or "profile";
        for (var i = 0; i < args.Count; i++)
        {
            yield return args[i];
            if (table && Switches.Contains(args[i]) && (i + 1 == args.Count || args[i + 1].StartsWith("--", StringComparison.Ordinal)))
                yield return "true";
        }
    }
}
