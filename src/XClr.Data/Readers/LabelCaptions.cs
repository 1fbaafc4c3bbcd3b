namespace XClr.Data.Readers;

/// <summary>Checks labels against the classes, and makes captions of them where a template asks for it.</summary>
internal sealed class LabelCaptions
{
    private readonly IReadOnlyList<string>? classes;
    private readonly IReadOnlyList<string>? captions;

    public LabelCaptions(string name, IReadOnlyList<string>? classes, string? template)
    {
        this.classes = classes;
        if (template is null)
        {
            return;
        }
        if (classes is null)
        {
            throw new DataException(
                $"'{name}' has no class names, which the caption template '{template}' needs; give a classes file (a name a line, in index order).");
        }
        var filled = new CaptionTemplate(template);
        captions = [.. classes.Select(filled.Fill)];
    }

    /// <summary>The sample with its label checked and, where there is a template, its caption made of it in place of its own; one that has a fault or no label stays as it is.</summary>
    public RawSample Complete(RawSample sample)
    {
        if (sample.Fault is not null || sample.Label is not { } label)
        {
            return sample;
        }
        if (label < 0 || (classes is not null && label >= classes.Count))
        {
            return sample.Break(SampleFault.BadLabel, $"class {label} of {classes?.Count.ToString() ?? "unknown"} classes");
        }
        if (captions is not null)
        {
            sample.ReplaceCaptions(captions[label]);
        }
        return sample;
    }
}
