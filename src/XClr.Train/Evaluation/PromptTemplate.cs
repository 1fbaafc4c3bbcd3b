using XClr.Data;

namespace XClr.Train.Evaluation;

/// <summary>A sentence with a place for a class name, as a <see cref="CaptionTemplate"/> has it: {}, as in CLIP's lists, or {class}.</summary>
public sealed record PromptTemplate(string Text)
{
    /// <summary>X-CLR's caption of a class.</summary>
    public static PromptTemplate Default { get; } = new("a photo of a {}");

    /// <summary>The sentence with a name.</summary>
    public string Fill(string name) => new CaptionTemplate(Text).Fill(name);

    /// <summary>Reads a list: a file with a template a line, or one template.</summary>
    /// <exception cref="DataException">A line has no place for the name, or the file is empty.</exception>
    public static IReadOnlyList<PromptTemplate> Read(string fileOrTemplate)
    {
        if (!File.Exists(fileOrTemplate))
        {
            return CaptionTemplate.IsTemplate(fileOrTemplate) ? [new PromptTemplate(fileOrTemplate)]
                : throw new DataException($"--templates '{fileOrTemplate}' is neither a file nor a template: there is no such file, and it has no {{}} for the class name.");
        }
        var lines = File.ReadAllLines(fileOrTemplate).Select(l => l.Trim()).Where(l => l.Length > 0).ToList();
        return lines.Count == 0 ? throw new DataException($"--templates {fileOrTemplate} is empty; it should hold a sentence with {{}} for the class name a line.")
            : lines.Find(l => !CaptionTemplate.IsTemplate(l)) is { } bad ? throw new DataException($"--templates {fileOrTemplate}: '{bad}' has no {{}} for the class name.")
            : [.. lines.Select(l => new PromptTemplate(l))];
    }
}
