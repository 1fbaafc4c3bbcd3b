using Silk.NET.Vulkan;

namespace XClr.Plugin.Tests;

/// <summary>Every function with every bad argument: a status and a message, never a crash.</summary>
[Collection(LibraryCollection.Name)]
public sealed unsafe class MisuseTests(Library library) : IDisposable
{
    private const string Config = """{"arch":"resnet18","stem":"small","width":0.125,"image-size":32,"batch-size":2,"steps":3,"loss":"simclr"}""";
    private const ulong Never = 12345;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private delegate int Call(Library x, Live live);

    /// <summary>Handles that are in use.</summary>
    private sealed record Live(ulong Context, ulong Trainer, ulong Text, ulong Destroyed, ulong Encoder, SharedLive Shared);

    /// <summary>An encoder on a host's device, commands of the host that are being recorded, and a buffer.</summary>
    private sealed record SharedLive(ulong Encoder, nint Commands, ulong Buffer);

    private static int Handle1(Library x, string name, ulong handle) => ((delegate* unmanaged<ulong, int>)x[name])(handle);

    private static int HandleOut(Library x, string name, ulong handle, void* result) => ((delegate* unmanaged<ulong, void*, int>)x[name])(handle, result);

    private static int HandleText(Library x, string name, ulong handle, byte* text) => ((delegate* unmanaged<ulong, byte*, int>)x[name])(handle, text);

    private static int Create(Library x, ContextInfo info)
    {
        ulong context;
        return ((delegate* unmanaged<ContextInfo*, ulong*, int>)x["xclr_create"])(&info, &context);
    }

    private static int Load(Library x, ulong context, string? checkpoint, uint batch, bool result)
    {
        using var text = checkpoint is null ? null : new NativeText(checkpoint);
        ulong encoder;
        return ((delegate* unmanaged<ulong, byte*, uint, ulong*, int>)x["xclr_encoder_load"])(context, text is null ? null : text.Pointer, batch, result ? &encoder : null);
    }

    private static int Train(Library x, ulong context, string? config, uint width, bool result)
    {
        using var text = config is null ? null : new NativeText(config);
        ulong trainer;
        return ((delegate* unmanaged<ulong, byte*, uint, ulong*, int>)x["xclr_trainer_create"])(context, text is null ? null : text.Pointer, width, result ? &trainer : null);
    }

    private static int Step(Library x, ulong trainer, Func<HostImage, HostImage> change, bool embeddings = false, bool images = true)
    {
        using var host = new HostImages(2, 32, 32);
        host.Pointer[1] = change(host.Pointer[1]);
        var good = host.Pointer[1].Pixels;
        float text = 1;
        var status = ((delegate* unmanaged<ulong, HostImage*, float*, uint*, float*, int>)x["xclr_trainer_step"])(trainer, images ? host.Pointer : null, embeddings ? &text : null, null, null);
        host.Pointer[1].Pixels = good;
        return status;
    }

    private static int Slice(Library x, ulong trainer, uint budget, bool place)
    {
        int done;
        return ((delegate* unmanaged<ulong, uint, int*, float*, int>)x["xclr_trainer_step_slice"])(trainer, budget, place ? &done : null, null);
    }

    private static int SliceWith(Library x, ulong trainer, SliceOptions* options)
    {
        int done;
        return ((delegate* unmanaged<ulong, SliceOptions*, int*, float*, int>)x["xclr_trainer_step_slice_with"])(trainer, options, &done, null);
    }

    private static int RecordBuffer(Library x, Live live, Func<BufferImages, BufferImages> change) =>
        x.Record(live.Shared.Encoder, live.Shared.Commands, change(new BufferImages { Size = (uint)sizeof(BufferImages), Count = 1, Width = 2, Height = 2, Buffer = live.Shared.Buffer }), new BufferRows { Buffer = live.Shared.Buffer }, new BufferRows { Buffer = live.Shared.Buffer });

    private static int RecordViews(Library x, Live live, Func<ImageViews, ImageViews> change, ulong? encoder = null, bool rows = true)
    {
        // No case comes as far as to read it.
        var views = stackalloc ulong[] { 1, 0 };
        var images = change(new ImageViews { Size = (uint)sizeof(ImageViews), Count = 1, Width = 2, Height = 2, Views = views, Format = (uint)Format.R8G8B8A8Unorm, Layout = (uint)ImageLayout.General });
        var to = new BufferRows { Buffer = rows ? live.Shared.Buffer : 0 };
        return x.Record(encoder ?? live.Shared.Encoder, live.Shared.Commands, images, to, to);
    }

    private static int RecordNull(Library x, string function, ulong encoder, nint commands, bool images)
    {
        var place = stackalloc byte[64];
        return ((delegate* unmanaged<ulong, nint, void*, BufferRows*, BufferRows*, int>)x[function])(encoder, commands, images ? place : null, null, null);
    }

    private static readonly (string What, int Status, string Message, Call Run)[] Cases =
    [
        ("create: no place for the handle", Library.Argument, "out is NULL", (x, _) => ((delegate* unmanaged<ContextInfo*, ulong*, int>)x["xclr_create"])(null, null)),
        ("create: struct of another size", Library.Argument, "xclr_context_info.size is 4", (x, _) => Create(x, new ContextInfo { Size = 4 })),
        ("create: validation", Library.Argument, "validation is 9", (x, _) => Create(x, new ContextInfo { Size = (uint)sizeof(ContextInfo), Validation = 9 })),
        ("create: a device that is not there", Library.Device, "no device", (x, _) =>
        {
            using var name = new NativeText("no such card");
            return Create(x, new ContextInfo { Size = (uint)sizeof(ContextInfo), Device = name.Pointer });
        }),
        ("create: shared struct of another size", Library.Argument, "xclr_shared_device.size is 0", (x, _) =>
        {
            SharedDevice shared = default;
            return Create(x, new ContextInfo { Size = (uint)sizeof(ContextInfo), Shared = &shared });
        }),
        ("create: shared handles are null", Library.Argument, "instance is NULL", (x, _) =>
        {
            var shared = new SharedDevice { Size = (uint)sizeof(SharedDevice) };
            return Create(x, new ContextInfo { Size = (uint)sizeof(ContextInfo), Shared = &shared });
        }),
        ("slice: options are null", Library.Argument, "options is NULL", (x, live) => SliceWith(x, live.Trainer, null)),
        ("slice: options of another size", Library.Argument, "xclr_slice_options.size is 8", (x, live) =>
        {
            var options = new SliceOptions { Size = 8, BudgetMicroseconds = 1 };
            return SliceWith(x, live.Trainer, &options);
        }),
        ("slice: a semaphore on a device of its own", Library.Argument, "names a semaphore", (x, live) =>
        {
            var options = new SliceOptions { Size = (uint)sizeof(SliceOptions), BudgetMicroseconds = 1, WaitSemaphore = 1 };
            return SliceWith(x, live.Trainer, &options);
        }),
        ("destroy: 0", Library.Handle, "handle is 0", (x, _) => Handle1(x, "xclr_destroy", 0)),
        ("destroy: never made", Library.Handle, "no context", (x, _) => Handle1(x, "xclr_destroy", Never)),
        ("destroy: twice", Library.Handle, "destroyed", (x, live) => Handle1(x, "xclr_destroy", live.Destroyed)),
        ("destroy: a trainer", Library.Handle, "not of a context", (x, live) => Handle1(x, "xclr_destroy", live.Trainer)),
        ("device_name: no buffer", Library.Argument, "name is NULL", (x, live) => ((delegate* unmanaged<ulong, byte*, nuint, int>)x["xclr_device_name"])(live.Context, null, 5)),
        ("device_name: no capacity", Library.Argument, "capacity is 0", (x, live) =>
        {
            byte name;
            return ((delegate* unmanaged<ulong, byte*, nuint, int>)x["xclr_device_name"])(live.Context, &name, 0);
        }),
        ("encoder_load: destroyed context", Library.Handle, "no context", (x, live) => Load(x, live.Destroyed, "x", 1, true)),
        ("encoder_load: no path", Library.Argument, "checkpoint is NULL", (x, live) => Load(x, live.Context, null, 1, true)),
        ("encoder_load: no place", Library.Argument, "out is NULL", (x, live) => Load(x, live.Context, "x", 1, false)),
        ("encoder_load: no such file", Library.Data, "/nowhere", (x, live) => Load(x, live.Context, "/nowhere", 1, true)),
        ("encoder_load: batch of 0", Library.Argument, "batch is 0", (x, live) => Load(x, live.Context, "/nowhere", 0, true)),
        ("encoder_describe: a trainer", Library.Handle, "not of an encoder", (x, live) => HandleOut(x, "xclr_encoder_describe", live.Trainer, null)),
        ("embed: never made", Library.Handle, "no encoder", (x, _) => ((delegate* unmanaged<ulong, HostImage*, uint, float*, float*, int>)x["xclr_embed"])(Never, null, 0, null, null)),
        ("embed_files: never made", Library.Handle, "no encoder", (x, _) => ((delegate* unmanaged<ulong, byte**, uint, float*, float*, int>)x["xclr_embed_files"])(Never, null, 0, null, null)),
        ("record_embed: never made", Library.Handle, "no encoder", (x, live) => RecordNull(x, "xclr_record_embed", Never, live.Shared.Commands, true)),
        ("record_embed: no commands", Library.Argument, "command_buffer is NULL", (x, live) => RecordNull(x, "xclr_record_embed", live.Shared.Encoder, 0, true)),
        ("record_embed: no images", Library.Argument, "images is NULL", (x, live) => RecordNull(x, "xclr_record_embed", live.Shared.Encoder, live.Shared.Commands, false)),
        ("record_embed: no place", Library.Argument, "features is NULL", (x, live) => RecordNull(x, "xclr_record_embed", live.Shared.Encoder, live.Shared.Commands, true)),
        ("record_embed: struct of another size", Library.Argument, "xclr_buffer_images.size is 7", (x, live) => RecordBuffer(x, live, i => i with { Size = 7 })),
        ("record_embed: no buffer", Library.Argument, "xclr_buffer_images.buffer is VK_NULL_HANDLE", (x, live) => RecordBuffer(x, live, i => i with { Buffer = 0 })),
        ("record_embed: no images in it", Library.Argument, "0 images", (x, live) => RecordBuffer(x, live, i => i with { Count = 0 })),
        ("record_embed: more than the batch", Library.Argument, "takes 1 to 2 images", (x, live) => RecordBuffer(x, live, i => i with { Count = 3 })),
        ("record_embed: no pixels", Library.Argument, "0 x 2 pixels", (x, live) => RecordBuffer(x, live, i => i with { Width = 0 })),
        ("record_embed: pitch below a row", Library.Argument, "with 5 bytes a row", (x, live) => RecordBuffer(x, live, i => i with { RowPitch = 5 })),
        ("record_embed: more bytes than there is room", Library.Argument, "bytes in all", (x, live) => RecordBuffer(x, live, i => i with { Width = 10000, Height = 10000 })),
        ("record_embed: a width that is none", Library.Argument, "xclr_buffer_images.width is 4294967295", (x, live) => RecordBuffer(x, live, i => i with { Width = uint.MaxValue })),
        ("record_embed: a row too long for numbers", Library.Argument, "xclr_buffer_images.width is 1000000000", (x, live) => RecordBuffer(x, live, i => i with { Width = 1_000_000_000 })),
        ("record_embed: a strip that cannot be resized", Library.Argument, "cannot be resized", (x, live) => RecordBuffer(x, live, i => i with { Width = 1, Height = 20000 })),
        ("record_embed_image: never made", Library.Handle, "no encoder", (x, live) => RecordNull(x, "xclr_record_embed_image", Never, live.Shared.Commands, true)),
        ("record_embed_image: no commands", Library.Argument, "command_buffer is NULL", (x, live) => RecordNull(x, "xclr_record_embed_image", live.Shared.Encoder, 0, true)),
        ("record_embed_image: no images", Library.Argument, "images is NULL", (x, live) => RecordNull(x, "xclr_record_embed_image", live.Shared.Encoder, live.Shared.Commands, false)),
        ("record_embed_image: no place", Library.Argument, "features is NULL", (x, live) => RecordNull(x, "xclr_record_embed_image", live.Shared.Encoder, live.Shared.Commands, true)),
        ("record_embed_image: struct of another size", Library.Argument, "xclr_image_views.size is 7", (x, live) => RecordViews(x, live, i => i with { Size = 7 })),
        ("record_embed_image: no views", Library.Argument, "xclr_image_views.views is NULL", (x, live) => RecordViews(x, live, i => i with { Views = null })),
        ("record_embed_image: a view is null", Library.Argument, "xclr_image_views.views[1] is VK_NULL_HANDLE", (x, live) => RecordViews(x, live, i => i with { Count = 2 })),
        ("record_embed_image: no images in it", Library.Argument, "0 images", (x, live) => RecordViews(x, live, i => i with { Count = 0 })),
        ("record_embed_image: more than the batch", Library.Argument, "xclr_image_views.count is 3", (x, live) => RecordViews(x, live, i => i with { Count = 3 })),
        ("record_embed_image: no pixels", Library.Argument, "2 x 0 pixels", (x, live) => RecordViews(x, live, i => i with { Height = 0 })),
        ("record_embed_image: more pixels than images have", Library.Argument, "65536", (x, live) => RecordViews(x, live, i => i with { Width = 100_000 })),
        ("record_embed_image: a strip that cannot be resized", Library.Argument, "cannot be resized", (x, live) => RecordViews(x, live, i => i with { Width = 1, Height = 16000 })),
        ("record_embed_image: a format with a transfer function", Library.Argument, "format is 43 (R8G8B8A8Srgb)", (x, live) => RecordViews(x, live, i => i with { Format = (uint)Format.R8G8B8A8Srgb })),
        ("record_embed_image: a format that is none", Library.Argument, "format is 12345", (x, live) => RecordViews(x, live, i => i with { Format = 12345 })),
        ("record_embed_image: a layout to write in", Library.Argument, "layout is 2 (ColorAttachmentOptimal)", (x, live) => RecordViews(x, live, i => i with { Layout = (uint)ImageLayout.ColorAttachmentOptimal })),
        ("record_embed_image: no buffer for the rows", Library.Argument, "features.buffer is VK_NULL_HANDLE", (x, live) => RecordViews(x, live, i => i, rows: false)),
        ("record_embed_image: a device of its own", Library.Argument, "a device of its own", (x, live) => RecordViews(x, live, i => i, live.Encoder)),
        ("encoder_free: never made", Library.Handle, "no encoder", (x, _) => Handle1(x, "xclr_encoder_free", Never)),
        ("text_open: no name", Library.Argument, "encoder is NULL", (x, _) =>
        {
            ulong text;
            return ((delegate* unmanaged<byte*, ulong*, int>)x["xclr_text_open"])(null, &text);
        }),
        ("text_open: no such directory", Library.Data, "/nowhere", (x, _) =>
        {
            using var name = new NativeText("/nowhere");
            ulong text;
            return ((delegate* unmanaged<byte*, ulong*, int>)x["xclr_text_open"])(name.Pointer, &text);
        }),
        ("text_width: no place", Library.Argument, "width is NULL", (x, live) => HandleOut(x, "xclr_text_width", live.Text, null)),
        ("text_embed: no captions", Library.Argument, "captions is NULL", (x, live) => ((delegate* unmanaged<ulong, byte**, uint, float*, int>)x["xclr_text_embed"])(live.Text, null, 1, null)),
        ("text_embed: a caption is null", Library.Argument, "captions[0] is NULL", (x, live) =>
        {
            byte* none = null;
            float number;
            return ((delegate* unmanaged<ulong, byte**, uint, float*, int>)x["xclr_text_embed"])(live.Text, &none, 1, &number);
        }),
        ("text_free: a context", Library.Handle, "not of a text encoder", (x, live) => Handle1(x, "xclr_text_free", live.Context)),
        ("trainer_create: no configuration", Library.Argument, "config_json is NULL", (x, live) => Train(x, live.Context, null, 0, true)),
        ("trainer_create: no JSON", Library.Argument, "no valid JSON", (x, live) => Train(x, live.Context, "{", 0, true)),
        ("trainer_create: an unknown option", Library.Argument, "lr-rate", (x, live) => Train(x, live.Context, """{"lr-rate":1}""", 0, true)),
        ("trainer_create: no steps", Library.Argument, "steps is missing", (x, live) => Train(x, live.Context, """{"loss":"simclr"}""", 0, true)),
        ("trainer_create: text without need", Library.Argument, "text_width is 8", (x, live) => Train(x, live.Context, Config, 8, true)),
        ("trainer_create: need without text", Library.Argument, "text_width is 0", (x, live) => Train(x, live.Context, """{"loss":"xclr","steps":1}""", 0, true)),
        ("trainer_create: more memory than there is", Library.Device, "largest", (x, live) => Train(x, live.Context, """{"loss":"simclr","steps":1,"batch-size":100000,"image-size":224}""", 0, true)),
        ("trainer_step: images are null", Library.Argument, "images is NULL", (x, live) => Step(x, live.Trainer, i => i, images: false)),
        ("trainer_step: struct of another size", Library.Argument, "images[1].size is 3", (x, live) => Step(x, live.Trainer, i => i with { Size = 3 })),
        ("trainer_step: channels", Library.Argument, "images[1].channels is 2", (x, live) => Step(x, live.Trainer, i => i with { Channels = 2 })),
        ("trainer_step: no pixels", Library.Argument, "images[1] has 0 x 32", (x, live) => Step(x, live.Trainer, i => i with { Width = 0 })),
        ("trainer_step: too many pixels", Library.Argument, "4294967295", (x, live) => Step(x, live.Trainer, i => i with { Width = uint.MaxValue, Height = uint.MaxValue })),
        ("trainer_step: pitch below a row", Library.Argument, "row_pitch is 10", (x, live) => Step(x, live.Trainer, i => i with { RowPitch = 10 })),
        ("trainer_step: pixels are null", Library.Argument, "images[1].pixels is NULL", (x, live) => Step(x, live.Trainer, i => i with { Pixels = null })),
        ("trainer_step: embeddings without need", Library.Argument, "takes no embeddings", (x, live) => Step(x, live.Trainer, i => i, embeddings: true)),
        ("trainer_step: never made", Library.Handle, "no trainer", (x, _) => Step(x, Never, i => i)),
        ("trainer_step_slice: no step has begun", Library.Argument, "No step has begun", (x, live) => Slice(x, live.Trainer, 1000, true)),
        ("trainer_step_slice: no budget", Library.Argument, "budget_microseconds is 0", (x, live) => Slice(x, live.Trainer, 0, true)),
        ("trainer_step_slice: no place", Library.Argument, "done is NULL", (x, live) => Slice(x, live.Trainer, 1000, false)),
        ("trainer_step_begin: never made", Library.Handle, "no trainer", (x, _) => ((delegate* unmanaged<ulong, HostImage*, float*, uint*, int>)x["xclr_trainer_step_begin"])(Never, null, null, null)),
        ("trainer_steps: no place", Library.Argument, "steps is NULL", (x, live) => HandleOut(x, "xclr_trainer_steps", live.Trainer, null)),
        ("trainer_save: no folder", Library.Argument, "folder is NULL", (x, live) => HandleText(x, "xclr_trainer_save", live.Trainer, null)),
        ("trainer_save: a folder that cannot be", Library.Data, "/proc/nowhere", (x, live) => x.Call("xclr_trainer_save", live.Trainer, "/proc/nowhere")),
        ("trainer_load: no such checkpoint", Library.Data, "/nowhere", (x, live) => x.Call("xclr_trainer_load", live.Trainer, "/nowhere")),
        ("trainer_free: never made", Library.Handle, "no trainer", (x, _) => Handle1(x, "xclr_trainer_free", Never)),
    ];

    [SkippableFact]
    public void Every_bad_argument_is_answered_with_a_status_and_a_message()
    {
        var context = library.CreateOnLavapipe();
        var destroyed = library.CreateOnLavapipe();
        library.Require(library.Destroy(destroyed));
        using var name = new NativeText("static-minilm-128");
        ulong opened;
        library.Require(((delegate* unmanaged<byte*, ulong*, int>)library["xclr_text_open"])(name.Pointer, &opened));
        var text = opened;
        var trainer = library.CreateTrainer(context, Config, 0);
        library.Require(library.Call("xclr_trainer_save", trainer, folder));
        using var host = TestDevices.Open(TestDevices.Lavapipe);
        var shared = library.CreateOn(host);
        var (own, recording) = (library.LoadEncoder(context, folder, 2), library.LoadEncoder(shared, folder, 2));
        using (var memory = new HostMemory(host, 1024))
        {
            memory.Submit(commands => Run(new Live(context, trainer, text, destroyed, own, new SharedLive(recording, commands, memory.Buffer))));
        }
        // The context still works.
        Assert.Equal(Library.Ok, Step(library, trainer, i => i));
        library.Require(((delegate* unmanaged<ulong, int>)library["xclr_text_free"])(text));
        library.Require(library.Destroy(shared));
        library.Require(library.Destroy(context));
        Assert.Empty(host.ValidationMessages);
    }

    private void Run(Live live) => Assert.All(Cases, c =>
    {
        var status = c.Run(library, live);
        Assert.True(status == c.Status, $"{c.What}: status {status}, expected {c.Status}: {library.LastError}");
        Assert.True(library.LastError.Contains(c.Message, StringComparison.Ordinal), $"{c.What}: '{library.LastError}' does not name '{c.Message}'");
    });
}
