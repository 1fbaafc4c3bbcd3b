namespace XClr.Text;

/// <summary>Text input that cannot be used: an encoder directory, one of its files, or an embedding store. The message names the
/// file, what was found and the remedy.</summary>
public sealed class TextException : Exception
{
    public TextException(string message) : base(message) { }

    public TextException(string message, Exception cause) : base(message, cause) { }
}
