namespace XClr.Data;

/// <summary>Input data that cannot be used as a whole: the message names the path, what was found there and the remedy.</summary>
public class DataException : Exception
{
    public DataException(string message)
        : base(message)
    {
    }

    public DataException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>One image that cannot be decoded, with its cause.</summary>
public sealed class ImageDecodeException(SampleFault cause, string message)
    : DataException($"{cause.Name()}: {message}")
{
    /// <summary>Why, in one word.</summary>
    public SampleFault Cause { get; } = cause;

    /// <summary>The cause in words, without its name in front.</summary>
    public string Detail { get; } = message;
}
