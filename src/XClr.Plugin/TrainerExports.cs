using System.Runtime.InteropServices;
using XClr.Data;
using XClr.Gpu;
using XClr.Train;

namespace XClr.Plugin;

/// <summary>The functions of native/include/xclr.h that train.</summary>
internal static unsafe class TrainerExports
{
    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_create")]
    public static int Create(ulong context, byte* config, uint textWidth, ulong* result) => Boundary.Call("xclr_trainer_create", () =>
    {
        Boundary.Require(result, "out");
        var (found, json) = (Handles.Get<Context>(context, "context"), Boundary.Text(config, "config_json"));
        if (textWidth > ushort.MaxValue)
        {
            throw new UsageException($"text_width is {textWidth}; allowed: 0 to {ushort.MaxValue}.");
        }
        found.Enter(context, () => *result = Handles.Add(found.Keep(new HostedTrainer(found, TrainConfig.FromText(json, "config_json"), (int)textWidth))));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_step")]
    public static int Step(ulong trainer, HostImage* images, float* embeddings, uint* labels, float* loss) => Boundary.Call("xclr_trainer_step", () =>
    {
        var found = Handles.Get<HostedTrainer>(trainer, "trainer");
        Boundary.Require(images, "images");
        found.Context.Enter(trainer, () =>
        {
            var value = found.Step(images, embeddings, labels);
            if (loss is not null)
            {
                *loss = value;
            }
        });
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_step_begin")]
    public static int Begin(ulong trainer, HostImage* images, float* embeddings, uint* labels) => Boundary.Call("xclr_trainer_step_begin", () =>
    {
        var found = Handles.Get<HostedTrainer>(trainer, "trainer");
        Boundary.Require(images, "images");
        found.Context.Enter(trainer, () => found.Begin(images, embeddings, labels));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_step_slice")]
    public static int Slice(ulong trainer, uint microseconds, int* done, float* loss) =>
        Boundary.Call("xclr_trainer_step_slice", () => Slice(trainer, new SliceOptions { BudgetMicroseconds = microseconds }, done, loss));

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_step_slice_with")]
    public static int SliceWith(ulong trainer, SliceOptions* options, int* done, float* loss) => Boundary.Call("xclr_trainer_step_slice_with", () =>
    {
        Boundary.Require(options, "options");
        Boundary.RequireSize(options->Size, sizeof(SliceOptions), "xclr_slice_options");
        Slice(trainer, *options, done, loss);
    });

    private static void Slice(ulong trainer, SliceOptions options, int* done, float* loss)
    {
        var found = Handles.Get<HostedTrainer>(trainer, "trainer");
        Boundary.Require(done, "done");
        if (options.BudgetMicroseconds == 0)
        {
            throw new UsageException("budget_microseconds is 0; allowed: 1 and more.");
        }
        if ((options.WaitSemaphore | options.SignalSemaphore) != 0 && !found.Context.IsShared)
        {
            throw new UsageException("xclr_slice_options names a semaphore, and the context has a device of its own; give 0, or make the context on the host's device (xclr_context_info.shared).");
        }
        found.Context.Enter(trainer, () =>
        {
            var value = found.Trainer.Slice(TimeSpan.FromMicroseconds(options.BudgetMicroseconds), Semaphore(options.WaitSemaphore, options.WaitValue), Semaphore(options.SignalSemaphore, options.SignalValue));
            *done = value is null ? 0 : 1;
            if (value is { } number && loss is not null)
            {
                *loss = number;
            }
        });
    }

    private static HostSemaphore? Semaphore(ulong handle, ulong value) => handle == 0 ? null : new HostSemaphore(handle, value);

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_steps")]
    public static int Steps(ulong trainer, ulong* steps) => Boundary.Call("xclr_trainer_steps", () =>
    {
        var found = Handles.Get<HostedTrainer>(trainer, "trainer");
        Boundary.Require(steps, "steps");
        *steps = (ulong)found.Trainer.Steps;
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_save")]
    public static int Save(ulong trainer, byte* folder) => Boundary.Call("xclr_trainer_save", () =>
    {
        var (found, path) = (Handles.Get<HostedTrainer>(trainer, "trainer"), Boundary.Text(folder, "folder"));
        found.Context.Enter(trainer, () => found.Context.Info($"saved {found.Trainer.Save(path)}"));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_load")]
    public static int Load(ulong trainer, byte* checkpoint) => Boundary.Call("xclr_trainer_load", () =>
    {
        var (found, path) = (Handles.Get<HostedTrainer>(trainer, "trainer"), Boundary.Text(checkpoint, "checkpoint"));
        found.Context.Enter(trainer, () => found.Trainer.Load(path));
    });

    [UnmanagedCallersOnly(EntryPoint = "xclr_trainer_free")]
    public static int Free(ulong trainer) => Boundary.Call("xclr_trainer_free", () =>
    {
        var found = Handles.Get<HostedTrainer>(trainer, "trainer");
        found.Context.Enter(trainer, () => found.Context.End(found));
    });

    private sealed class HostedTrainer(Context context, TrainConfig config, int textWidth) : IDisposable
    {
        public Context Context { get; } = context;

        public HostTrainer Trainer { get; } = new(context.Device, config, textWidth, context.Warn);

        public float Step(HostImage* images, float* embeddings, uint* labels) => WithBatch(images, embeddings, labels, Trainer.Step);

        public void Begin(HostImage* images, float* embeddings, uint* labels) => WithBatch(images, embeddings, labels, (batch, text, classes) =>
        {
            Trainer.Begin(batch, text, classes);
            return 0;
        });

        private float WithBatch(HostImage* images, float* embeddings, uint* labels, Func<IReadOnlyList<DecodedImage>, float[]?, uint[]?, float> use)
        {
            var decoded = new List<DecodedImage>();
            try
            {
                for (uint i = 0; i < Trainer.BatchSize; i++)
                {
                    decoded.Add(HostImages.Read(images, i, Trainer.ImageBytes));
                }
                return use(decoded, Copy(embeddings, Trainer.BatchSize * textWidth), Copy(labels, Trainer.BatchSize));
            }
            finally
            {
                decoded.ForEach(image => image.Dispose());
            }
        }

        private static T[]? Copy<T>(T* values, int count) where T : unmanaged => values is null ? null : new ReadOnlySpan<T>(values, count).ToArray();

        public void Dispose() => Trainer.Dispose();
    }
}
