using System.Runtime.InteropServices;
using System.Text;
using XClr.Train;

namespace XClr.Plugin;

/// <summary>What every exported function goes through: no exception leaves it, and its message stays with the calling thread.</summary>
internal static unsafe class Boundary
{
    [ThreadStatic]
    private static LastError? last;

    static Boundary() => Library.FindNeighbours();

    /// <summary>This thread's latest message, UTF-8.</summary>
    public static byte* LastMessage => (last ??= new LastError()).Text;

    /// <summary>Runs the body of a function. Returns its status.</summary>
    public static int Call(string function, Action body)
    {
        try
        {
            body();
            return Status.Ok;
        }
        catch (Exception e)
        {
            var cause = e is AggregateException { InnerExceptions: [var only] } ? only : e;
            var status = Status.Of(cause);
            var text = status == ExitCode.Unexpected ? $"unexpected {cause.GetType().Name}: {cause.Message}" : cause.Message;
            (last ??= new LastError()).Set($"{function}: {text}");
            return status;
        }
    }

    /// <summary>A string argument.</summary>
    /// <exception cref="UsageException">It is null.</exception>
    public static string Text(byte* argument, string name) => argument is null ? throw new UsageException($"{name} is NULL.") : Marshal.PtrToStringUTF8((nint)argument)!;

    /// <summary>Checks a pointer argument.</summary>
    /// <exception cref="UsageException">It is null.</exception>
    public static void Require(void* argument, string name)
    {
        if (argument is null)
        {
            throw new UsageException($"{name} is NULL.");
        }
    }

    /// <summary>Checks the first field of a struct.</summary>
    /// <exception cref="UsageException">It is no size of this version.</exception>
    public static void RequireSize(uint size, int expected, string name)
    {
        if (size != expected)
        {
            throw new UsageException($"{name}.size is {size}; this library (version {Exports.AbiVersion}) expects {expected}: set it to sizeof, and compile with this library's xclr.h.");
        }
    }

    private sealed class LastError
    {
        public LastError() => Set("");

        ~LastError() => NativeMemory.Free(Text);

        public byte* Text { get; private set; }

        public void Set(string message)
        {
            var bytes = Encoding.UTF8.GetBytes(message);
            Text = (byte*)NativeMemory.Realloc(Text, (nuint)bytes.Length + 1);
            bytes.CopyTo(new Span<byte>(Text, bytes.Length));
            Text[bytes.Length] = 0;
        }
    }
}
