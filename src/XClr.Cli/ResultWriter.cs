using System.Text;

namespace XClr.Cli;

/// <summary>Standard output: where it cannot be written (a full disk, closed) the failure says that it is what failed.</summary>
internal sealed class ResultWriter(TextWriter target) : TextWriter
{
    /// <inheritdoc/>
    public override Encoding Encoding => target.Encoding;

    /// <inheritdoc/>
    public override void Write(char value) => Try(() => target.Write(value));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Try(() => target.Write(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(string? value) => Try(() => target.Write(value));

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(() => target.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush() => Try(target.Flush);

    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The results cannot be written to standard output: {e.Message.TrimEnd('.')}.", e);
        }
    }
}
