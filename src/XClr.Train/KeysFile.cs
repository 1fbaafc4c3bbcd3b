using System.Text;
using XClr.Nn;

namespace XClr.Train;

/// <summary>RESULTS.keys.txt beside RESULTS.safetensors: the key of each row, a line each, in which \\, \r and \n stand for a backslash and line ends, since a file's name may hold them.</summary>
public static class KeysFile
{
    /// <summary>Writes the keys of the rows of a file of tensors, in a file beside it; where there are none, one that is there is removed.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string tensors, IReadOnlyCollection<string> keys)
    {
        if (keys.Count == 0)
        {
            File.Delete(PathOf(tensors));
            return;
        }
        DurableFile.Write(PathOf(tensors), stream =>
        {
            // Key by key: all of them may be more than one string holds. Halves of surrogate pairs become U+FFFD.
            using var text = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
            foreach (var key in keys)
            {
                text.Write(OneLine(key));
                text.Write('\n');
            }
        });
    }

    private static string PathOf(string tensors) => (tensors.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(tensors, null) : tensors) + ".keys.txt";

    private static string OneLine(string key) => key.AsSpan().ContainsAny("\\\r\n") ? key.Replace("\\", "\\\\").Replace("\r", "\\r").Replace("\n", "\\n") : key;
}
