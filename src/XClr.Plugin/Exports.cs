using System.Runtime.InteropServices;
using System.Text;
using XClr.Text;
using XClr.Train;

namespace XClr.Plugin;

/// <summary>The functions of native/include/xclr.h, which documents them.</summary>
internal static unsafe class Exports
{
    public const uint AbiVersion = 1;

    [UnmanagedCallersOnly(EntryPoint = "xclr_abi_version")]
    public static uint Version() => AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = "xclr_last_error")]
    public static byte* LastError() => Boundary.LastMessage;

    [UnmanagedCallersOnly(EntryPoint = "xclr_create")]
    public static int Create(ContextInfo* info, ulong* result) => Boundary.Call("xclr_create", () =>
    {
        Boundary.Require(result, "out");
        if (info is not null)
        {
            Boundary.RequireSize(info->Size, sizeof(ContextInfo), "xclr_context_info");
        }
        *result = Handles.Add(new Context(info is null ? default : *info));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_destroy")]
    public static int Destroy(ulong context) => Boundary.Call("xclr_destroy", () =>
    {
        var found = Handles.Get<Context>(context, "context");
        found.Enter(context, () =>
        {
            Handles.Remove(context);
            found.Dispose();
        });
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_device_name")]
    public static int DeviceName(ulong context, byte* name, nuint capacity) => Boundary.Call("xclr_device_name", () =>
    {
        Boundary.Require(name, "name");
        if (capacity == 0)
        {
            throw new UsageException("capacity is 0; the name needs at least its final zero.");
        }
        var found = Handles.Get<Context>(context, "context");
        found.Enter(context, () =>
        {
            var to = new Span<byte>(name, (int)Math.Min(capacity - 1, int.MaxValue));
            Encoding.UTF8.GetEncoder().Convert(found.Device.Caps.FullName, to, flush: true, out _, out var used, out _);
            name[used] = 0;
        });
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_encoder_load")]
    public static int LoadEncoder(ulong context, byte* checkpoint, uint batch, ulong* result) => Boundary.Call("xclr_encoder_load", () =>
    {
        Boundary.Require(result, "out");
        var (found, path) = (Handles.Get<Context>(context, "context"), Boundary.Text(checkpoint, "checkpoint"));
        found.Enter(context, () => *result = Handles.Add(found.Keep(new ImageEncoder(found, path, batch))));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_encoder_describe")]
    public static int DescribeEncoder(ulong encoder, EncoderInfo* info) => Boundary.Call("xclr_encoder_describe", () =>
    {
        var found = Handles.Get<ImageEncoder>(encoder, "encoder");
        Boundary.Require(info, "info");
        Boundary.RequireSize(info->Size, sizeof(EncoderInfo), "xclr_encoder_info");
        *info = found.Info;
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_embed")]
    public static int Embed(ulong encoder, HostImage* images, uint count, float* features, float* projections) => Boundary.Call("xclr_embed", () =>
    {
        var found = Handles.Get<ImageEncoder>(encoder, "encoder");
        Boundary.Require(images, "images");
        found.Context.Enter(encoder, () => found.Embed(count, (index, maxBytes) => HostImages.Read(images, index, maxBytes), features, projections));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_embed_files")]
    public static int EmbedFiles(ulong encoder, byte** paths, uint count, float* features, float* projections) => Boundary.Call("xclr_embed_files", () =>
    {
        var found = Handles.Get<ImageEncoder>(encoder, "encoder");
        Boundary.Require(paths, "paths");
        found.Context.Enter(encoder, () => found.Embed(count, (index, maxBytes) => HostImages.ReadFile(Boundary.Text(paths[index], $"paths[{index}]"), maxBytes), features, projections));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_record_embed")]
    public static int RecordEmbed(ulong encoder, nint commandBuffer, BufferImages* images, BufferRows* features, BufferRows* projections) => Boundary.Call("xclr_record_embed", () =>
    {
        var found = Recorded(encoder, commandBuffer, images, features);
        Boundary.RequireSize(images->Size, sizeof(BufferImages), "xclr_buffer_images");
        found.Context.Enter(encoder, () => found.Record(commandBuffer, *images, Rows(features, projections)));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_record_embed_image")]
    public static int RecordEmbedImage(ulong encoder, nint commandBuffer, ImageViews* images, BufferRows* features, BufferRows* projections) => Boundary.Call("xclr_record_embed_image", () =>
    {
        var found = Recorded(encoder, commandBuffer, images, features);
        Boundary.RequireSize(images->Size, sizeof(ImageViews), "xclr_image_views");
        found.Context.Enter(encoder, () => found.Record(commandBuffer, *images, Rows(features, projections)));
    });

    private static ImageEncoder Recorded(ulong encoder, nint commandBuffer, void* images, void* features)
    {
        var found = Handles.Get<ImageEncoder>(encoder, "encoder");
        Boundary.Require((void*)commandBuffer, "command_buffer");
        Boundary.Require(images, "images");
        Boundary.Require(features, "features");
        return found;
    }

    private static HostRows Rows(BufferRows* features, BufferRows* projections) =>
        new((features->Buffer, (long)features->Offset), projections is null ? null : (projections->Buffer, (long)projections->Offset));

    [UnmanagedCallersOnly(EntryPoint = "xclr_encoder_free")]
    public static int FreeEncoder(ulong encoder) => Boundary.Call("xclr_encoder_free", () =>
    {
        var found = Handles.Get<ImageEncoder>(encoder, "encoder");
        found.Context.Enter(encoder, () => found.Context.End(found));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_text_open")]
    public static int OpenText(byte* encoder, ulong* result) => Boundary.Call("xclr_text_open", () =>
    {
        Boundary.Require(result, "out");
        *result = Handles.Add(CaptionEmbedder.Open(Library.Find(Boundary.Text(encoder, "encoder"))));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_text_width")]
    public static int TextWidth(ulong text, uint* width) => Boundary.Call("xclr_text_width", () =>
    {
        var found = Handles.Get<CaptionEmbedder>(text, "text encoder");
        Boundary.Require(width, "width");
        *width = (uint)found.Dimension;
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_text_embed")]
    public static int EmbedText(ulong text, byte** captions, uint count, float* embeddings) => Boundary.Call("xclr_text_embed", () =>
    {
        var found = Handles.Get<CaptionEmbedder>(text, "text encoder");
        Boundary.Require(captions, "captions");
        Boundary.Require(embeddings, "embeddings");
        var strings = new string[count];
        for (var i = 0; i < count; i++)
        {
            strings[i] = Boundary.Text(captions[i], $"captions[{i}]");
        }
        found.Embed(strings, new Span<float>(embeddings, checked((int)count * found.Dimension)));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_text_free")]
    public static int FreeText(ulong text) => Boundary.Call("xclr_text_free", () =>
    {
        var found = Handles.Get<CaptionEmbedder>(text, "text encoder");
        Handles.Remove(text);
        found.Dispose();
    });
}
