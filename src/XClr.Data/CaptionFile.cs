using System.Text;
using System.Text.Json;

namespace XClr.Data;

/// <summary>
/// Captions without images: a .txt file, a caption a line, or a .jsonl file, a string or an object with "caption" a line. Texts are given as
/// they stand there, empty ones too, so that the n-th caption is the n-th line's; invalid UTF-8 becomes U+FFFD.
/// </summary>
public static class CaptionFile
{
    private const string CaptionKey = "caption";

    /// <summary>True for names that <see cref="Read"/> takes; other paths are data sets.</summary>
    public static bool Is(string path) => Extension(path) is ".txt" or ".jsonl" && !Directory.Exists(path);

    /// <summary>The captions, in the order of the lines.</summary>
    /// <exception cref="DataException">The file cannot be read, or a line of a .jsonl is neither; the message names file and line.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        try
        {
            var lines = File.ReadLines(path, Encoding.UTF8);
            return Extension(path) == ".jsonl" ? [.. lines.Select((line, i) => Parse(line, path, i + 1))] : [.. lines];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"The captions file '{path}' cannot be read: {e.Message}", e);
        }
    }

    private static string Extension(string path) => Path.GetExtension(path).ToLowerInvariant();

    private static string Parse(string line, string path, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var value = document.RootElement;
            if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty(CaptionKey, out var caption))
            {
                value = caption;
            }
            if (value.ValueKind == JsonValueKind.String)
            {
                return value.GetString()!;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: half of a surrogate pair, which is no text.
            throw new DataException($"{path}, line {number}: no valid JSON text ({e.Message.TrimEnd('.')}).", e);
        }
        throw new DataException($"{path}, line {number}: expected a string or an object with \"{CaptionKey}\": a string, found: {(line.Length > 60 ? line[..60] + "..." : line)}");
    }
}
