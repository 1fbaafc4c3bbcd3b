using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace XClr.Text;

/// <summary>A caption's name in the store: the first 128 bits of the SHA-256 of its UTF-8 text (lone surrogates count as U+FFFD).</summary>
internal readonly record struct CaptionKey(ulong Hash, ulong Check)
{
    public static CaptionKey Of(ReadOnlySpan<char> caption)
    {
        Span<byte> stack = stackalloc byte[1024];
        var bytes = Encoding.UTF8.GetMaxByteCount(caption.Length) <= stack.Length ? stack : new byte[Encoding.UTF8.GetByteCount(caption)];
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(bytes[..Encoding.UTF8.GetBytes(caption, bytes)], digest);
        return new CaptionKey(BinaryPrimitives.ReadUInt64LittleEndian(digest), BinaryPrimitives.ReadUInt64LittleEndian(digest[8..]));
    }
}
