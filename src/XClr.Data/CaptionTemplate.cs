namespace XClr.Data;

/// <summary>Makes captions of class names: "a photo of a {class}".</summary>
public sealed class CaptionTemplate
{
    private static readonly string[] Places = ["{class}", "{class name}", "{}"];

    private readonly string template, place;

    /// <param name="template">Text with a place for the class name: `{class}`, `{class name}` or `{}`; where it stands several times, all are filled.</param>
    /// <exception cref="DataException">There is no place for the class name.</exception>
    public CaptionTemplate(string template)
    {
        this.template = template;
        place = PlaceIn(template) ?? throw new DataException(
            $"The caption template '{template}' has no place for the class name; write for example \"a photo of a {{class}}\".");
    }

    /// <summary>Whether a text has a place for the class name.</summary>
    public static bool IsTemplate(string text) => PlaceIn(text) is not null;

    /// <summary>The caption of a class.</summary>
    public string Fill(string className) => template.Replace(place, className, StringComparison.Ordinal);

    private static string? PlaceIn(string text) => Array.Find(Places, place => text.Contains(place, StringComparison.Ordinal));
}
