using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>A sentence with a place for a class name: {}, as in CLIP's lists, or {class}.</summary>
public sealed record PromptTemplate(string Text)
{
    /// <summary>X-CLR's caption of a class.</summary>
    public static PromptTemplate Default { get; } = new("a photo of a {}");

    /// <summary>The sentence with a name.</summary>
    public string Fill(string name) => Text.Replace("{class}", name, StringComparison.Ordinal).Replace("{}", name, StringComparison.Ordinal);

    /// <summary>Reads a list: a file with a template a line, or one template.</summary>
    /// <exception cref="DataException">A line has no place for the name, or the file is empty.</exception>
    public static IReadOnlyList<PromptTemplate> Read(string fileOrTemplate)
    {
        if (!File.Exists(fileOrTemplate))
        {
            return HasPlace(fileOrTemplate) ? [new PromptTemplate(fileOrTemplate)]
                : throw new DataException($"--templates '{fileOrTemplate}' is neither a file nor a template: there is no such file, and it has no {{}} for the class name.");
        }
        var lines = File.ReadAllLines(fileOrTemplate).Select(l => l.Trim()).Where(l => l.Length > 0).ToList();
        return lines.Count == 0 ? throw new DataException($"--templates {fileOrTemplate} is empty; it should hold a sentence with {{}} for the class name a line.")
            : lines.Find(l => !HasPlace(l)) is { } bad ? throw new DataException($"--templates {fileOrTemplate}: '{bad}' has no {{}} for the class name.")
            : [.. lines.Select(l => new PromptTemplate(l))];
    }

    private static bool HasPlace(string text) => text.Contains("{}", StringComparison.Ordinal) || text.Contains("{class}", StringComparison.Ordinal);
}
