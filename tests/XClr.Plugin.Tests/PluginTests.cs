using System.Diagnostics;
using System.Runtime.InteropServices;
using Silk.NET.Vulkan;
using XClr.Data;
using XClr.Gpu;
using XClr.Train;
using XClr.Train.Evaluation;

namespace XClr.Plugin.Tests;

/// <summary>The library does what the program does, to the bit; misuse is answered, never crashed on.</summary>
[Collection(LibraryCollection.Name)]
public sealed unsafe class PluginTests(Library library) : IDisposable
{
    private const int Batch = ProgramRun.Batch, TextWidth = ProgramRun.TextWidth;
    private const string Config = ProgramRun.Config;
    private static int logged;
    private static Library? concurrent;
    private static ulong concurrentContext;
    private static int concurrentStatus;
    private readonly TempFolder folder = new();

    private string Checkpoint => folder.File("run");

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public void Training_and_embeddings_equal_the_programs_to_the_bit()
    {
        using var images = new HostImages(Batch, 40, 33);
        var text = Unit(Batch, TextWidth);
        var expected = new List<float>();
        using (var device = TestDevices.Open(TestDevices.Lavapipe))
        {
            using var trainer = new HostTrainer(device, TrainConfig.FromText(Config, "test"), TextWidth, _ => { });
            expected.AddRange(Enumerable.Range(0, 3).Select(_ => trainer.Step(images.Decoded(), text, null)));
            trainer.Save(folder.File("program"));
            expected.Add(trainer.Step(images.Decoded(), text, null));
        }
        var context = library.CreateOnLavapipe();
        var run = library.CreateTrainer(context, Config, TextWidth);
        var losses = Enumerable.Range(0, 3).Select(_ => library.Step(run, images, text)).ToList();
        library.Require(library.Call("xclr_trainer_save", run, folder.File("library")));
        losses.Add(library.Step(run, images, text));
        Assert.Equal(expected, losses);

        // A run moves from the program to the library and goes on to the bit.
        var moved = library.CreateTrainer(context, Config, TextWidth);
        library.Require(library.Call("xclr_trainer_load", moved, folder.File("program")));
        Assert.Equal(expected[3], library.Step(moved, images, text));
        Assert.Equal(ProgramRun.Embed(folder.File("program"), images), EmbedByLibrary(context, "library", images));
        library.Require(library.Destroy(context));
    }

    [SkippableFact]
    public void A_sliced_step_equals_a_whole_one_to_the_bit()
    {
        using var images = new HostImages(Batch, 40, 33);
        var text = Unit(Batch, TextWidth);
        var context = library.CreateOnLavapipe();
        var (whole, sliced) = (library.CreateTrainer(context, Config, TextWidth), library.CreateTrainer(context, Config, TextWidth));
        var counts = new List<int>();
        foreach (var budget in new uint[] { 2000, 2000, 300, 1_000_000_000 })
        {
            var expected = library.Step(whole, images, text);
            var (loss, slices) = Slices(sliced, images, text, budget);
            Assert.Equal(expected, loss);
            counts.Add(slices);
        }
        // Cut by measured times: a smaller budget takes more slices, one without end takes one.
        Assert.True(counts[2] > counts[1] && counts[1] > 1, string.Join(", ", counts));
        Assert.Equal(1, counts[3]);
        library.Require(library.Destroy(context));
    }

    [SkippableFact]
    public void Slices_wait_for_a_semaphore_of_the_host_and_signal_another()
    {
        using var images = new HostImages(Batch, 40, 33);
        var text = Unit(Batch, TextWidth);
        using var host = TestDevices.Open(TestDevices.Lavapipe);
        var context = library.CreateOn(host);
        var (whole, sliced) = (library.CreateTrainer(context, Config, TextWidth), library.CreateTrainer(context, Config, TextWidth));
        var type = new SemaphoreTypeCreateInfo { SType = StructureType.SemaphoreTypeCreateInfo, SemaphoreType = SemaphoreType.Timeline };
        var create = new SemaphoreCreateInfo { SType = StructureType.SemaphoreCreateInfo, PNext = &type };
        host.Vk.CreateSemaphore(host.Handle, &create, null, out var before).Check("vkCreateSemaphore");
        host.Vk.CreateSemaphore(host.Handle, &create, null, out var after).Check("vkCreateSemaphore");
        var slice = 0ul;
        for (var step = 0; step < 2; step++)
        {
            var expected = library.Step(whole, images, text);
            fixed (float* embeddings = text)
            {
                library.Require(((delegate* unmanaged<ulong, HostImage*, float*, uint*, int>)library["xclr_trainer_step_begin"])(sliced, images.Pointer, embeddings, null));
            }
            var (loss, done) = (0f, 0);
            while (done == 0)
            {
                slice++;
                // Signalled late, by another thread: the slice waits for it.
                var (device, vk, semaphore, value) = (host.Handle, host.Vk, before, slice);
                var signaller = new Thread(() =>
                {
                    Thread.Sleep(20);
                    var signal = new SemaphoreSignalInfo { SType = StructureType.SemaphoreSignalInfo, Semaphore = semaphore, Value = value };
                    vk.SignalSemaphore(device, &signal).Check("vkSignalSemaphore");
                });
                var options = new SliceOptions { Size = (uint)sizeof(SliceOptions), BudgetMicroseconds = 20_000, WaitSemaphore = before.Handle, WaitValue = slice, SignalSemaphore = after.Handle, SignalValue = slice };
                var clock = Stopwatch.StartNew();
                signaller.Start();
                library.Require(((delegate* unmanaged<ulong, SliceOptions*, int*, float*, int>)library["xclr_trainer_step_slice_with"])(sliced, &options, &done, &loss));
                Assert.True(clock.ElapsedMilliseconds >= 19, $"the slice did not wait: {clock.ElapsedMilliseconds} ms");
                signaller.Join();
                var wait = new SemaphoreWaitInfo { SType = StructureType.SemaphoreWaitInfo, SemaphoreCount = 1, PSemaphores = &after, PValues = &slice };
                Assert.Equal(Result.Success, host.Vk.WaitSemaphores(host.Handle, &wait, 5_000_000_000));
            }
            Assert.Equal(expected, loss);
        }
        library.Require(library.Destroy(context));
        host.Vk.DestroySemaphore(host.Handle, before, null);
        host.Vk.DestroySemaphore(host.Handle, after, null);
        Assert.Empty(host.ValidationMessages);
    }

    private (float Loss, int Slices) Slices(ulong trainer, HostImages images, float[] embeddings, uint budget)
    {
        fixed (float* text = embeddings)
        {
            library.Require(((delegate* unmanaged<ulong, HostImage*, float*, uint*, int>)library["xclr_trainer_step_begin"])(trainer, images.Pointer, text, null));
        }
        var (loss, done, slices) = (0f, 0, 0);
        foreach (var function in new[] { "xclr_trainer_save", "xclr_trainer_load" })
        {
            Assert.Equal(Library.Argument, library.Call(function, trainer, "/nowhere"));
            Assert.Contains("A step has begun", library.LastError, StringComparison.Ordinal);
        }
        while (done == 0)
        {
            library.Require(((delegate* unmanaged<ulong, uint, int*, float*, int>)library["xclr_trainer_step_slice"])(trainer, budget, &done, &loss));
            slices++;
        }
        return (loss, slices);
    }

    [SkippableFact]
    public void Rgba_and_images_of_any_size_embed_as_the_program_does()
    {
        ProgramRun.Make(Checkpoint);
        var context = library.CreateOnLavapipe();
        foreach (var (width, height, channels) in new[] { (1, 1, 3), (300, 17, 4), (64, 64, 4), (700, 500, 3) })
        {
            using var images = new HostImages(Batch + 1, width, height, channels);
            Assert.Equal(ProgramRun.Embed(Checkpoint, images), EmbedByLibrary(context, "run", images));
        }
        library.Require(library.Destroy(context));
    }

    [SkippableFact]
    public void On_a_hosts_device_the_library_uses_what_the_host_enabled_and_the_layer_is_silent()
    {
        ProgramRun.Make(Checkpoint);
        using var images = new HostImages(Batch, 40, 33);
        // The engine's own device stands for the host's: its instance has the validation layer, which sees both.
        using var host = TestDevices.Open(TestDevices.Lavapipe);
        var own = ProgramRun.Embed(Checkpoint, images);
        foreach (var extras in new[] { true, false })
        {
            var context = library.CreateOn(host, extras);
            var found = EmbedByLibrary(context, "run", images);
            // Without 64-bit integers other kernels run, with other rounding.
            Assert.Equal(own.Length, found.Length);
            Assert.All(own.Zip(found), pair => Assert.Equal(pair.First, pair.Second, extras ? 0f : 1e-4f));
            library.Require(library.Destroy(context));
        }
        Assert.Empty(host.ValidationMessages);
    }

    [SkippableFact]
    public void A_hosts_device_without_timeline_semaphores_is_refused_by_name()
    {
        using var host = TestDevices.Open(TestDevices.Lavapipe);
        var features = new PhysicalDeviceFeatures2 { SType = StructureType.PhysicalDeviceFeatures2 };
        var shared = Library.Shared(host, &features);
        var info = new ContextInfo { Size = (uint)sizeof(ContextInfo), Shared = &shared };
        ulong context;
        Assert.Equal(Library.Device, ((delegate* unmanaged<ContextInfo*, ulong*, int>)library["xclr_create"])(&info, &context));
        Assert.Contains("timelineSemaphore", library.LastError, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void A_second_thread_in_a_context_is_refused()
    {
        _ = TestDevices.Get(TestDevices.Lavapipe);
        using var name = new NativeText("llvmpipe");
        var context = library.Create(new ContextInfo { Size = (uint)sizeof(ContextInfo), Device = name.Pointer, Log = &LogAndTry });
        var trainer = library.CreateTrainer(context, Config, TextWidth);
        (concurrent, concurrentContext, concurrentStatus, logged) = (library, context, -1, 0);
        library.Require(library.Call("xclr_trainer_save", trainer, Checkpoint));
        Assert.True(logged > 0);
        Assert.Equal(Library.Busy, concurrentStatus);
        library.Require(library.Destroy(context));
    }

    /// <summary>XCLR_ROUNDS=1000 makes a thousand (four minutes beside other work); 200 are enough to see a leak of a hundredth.</summary>
    [SkippableFact]
    public void Contexts_leave_no_memory_behind()
    {
        // By then .NET has compiled what runs here: that is memory too, and no leak.
        const int Warm = 50;
        var rounds = int.Parse(Environment.GetEnvironmentVariable("XCLR_ROUNDS") ?? "200", System.Globalization.CultureInfo.InvariantCulture);
        long early = 0;
        for (var round = 1; round <= rounds; round++)
        {
            library.Require(library.Destroy(library.Create(new ContextInfo { Size = (uint)sizeof(ContextInfo) })));
            if (round == Warm)
            {
                early = Resident();
            }
        }
        var end = Resident();
        Assert.True(end <= early * 1.05, $"{early >> 20} MiB after {Warm} rounds, {end >> 20} MiB after {rounds}");
    }

    [SkippableFact]
    public void A_host_with_frames_of_its_own_trains_beside_them()
    {
        Skip.IfNot(File.Exists("/usr/include/vulkan/vulkan.h"), "libvulkan-dev is not installed");
        _ = TestDevices.Get(TestDevices.Lavapipe);
        var program = PublishedPlugin.Compile("host_frames", folder, "-lvulkan");
        var output = Programs.Run(program, "3", "2000", Checkpoint);
        Assert.Contains("step 3: loss", output, StringComparison.Ordinal);
        Assert.Contains("with training:", output, StringComparison.Ordinal);
        using var device = TestDevices.Open(TestDevices.Lavapipe);
        using var loaded = LoadedModel.Open(device, Checkpoint, new NetworkOptions());
        Assert.Equal(32, loaded.Images.Size);
    }

    [SkippableFact]
    public void The_samples_run()
    {
        ProgramRun.Make(Checkpoint);
        var image = folder.File("photo.jpg", TestImages.Solid(200, 50, 40));
        var program = PublishedPlugin.Compile("host_minimal", folder, "-lm");
        var output = Programs.Run(program, Checkpoint, image, image);
        Assert.Contains("cosine of the first two: 1.0000", output, StringComparison.Ordinal);
        output = Programs.Run("python3", Path.Combine(PublishedPlugin.Samples, "host.py"), Path.Combine(PublishedPlugin.Folder, "libxclr.so"), Checkpoint, image);
        Assert.Contains("cosines with 'a photo of a sneaker': 1.000", output, StringComparison.Ordinal);
    }

    private float[] EmbedByLibrary(ulong context, string run, HostImages images)
    {
        var encoder = library.LoadEncoder(context, folder.File(run), Batch);
        var info = library.Describe(encoder);
        var count = images.Decoded().Count;
        var (features, projections) = (new float[count * info.FeatureWidth], new float[count * info.ProjectionWidth]);
        fixed (float* f = features, p = projections)
        {
            library.Require(((delegate* unmanaged<ulong, HostImage*, uint, float*, float*, int>)library["xclr_embed"])(encoder, images.Pointer, (uint)count, f, p));
        }
        library.Require(((delegate* unmanaged<ulong, int>)library["xclr_encoder_free"])(encoder));
        return [.. features.Chunk((int)info.FeatureWidth).Zip(projections.Chunk((int)info.ProjectionWidth)).SelectMany(rows => rows.First.Concat(rows.Second))];
    }

    private static float[] Unit(int rows, int width) => RandomValues.Normalize(RandomValues.Uniform(new Random(5), rows * width), width);

    private static long Resident()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    [UnmanagedCallersOnly]
    private static void LogAndTry(int level, byte* message, void* user)
    {
        logged++;
        var thread = new Thread(() => concurrentStatus = concurrent!.Call("xclr_device_name", concurrentContext, "1234567"));
        thread.Start();
        thread.Join();
    }
}
