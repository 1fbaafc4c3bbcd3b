using System.Runtime.InteropServices;
using Silk.NET.Vulkan;
using XClr.Gpu;

namespace XClr.Plugin.Tests;

/// <summary>Embedding recorded into a host's own commands equals the program's to the bit, and the layer that sees host and library is silent.</summary>
[Collection(LibraryCollection.Name)]
public sealed unsafe class RecordingTests(Library library) : IDisposable
{
    private const int Count = 3, Batch = ProgramRun.Batch;
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public void Images_in_a_buffer()
    {
        const int Width = 40, Height = 33, Offset = 12;
        Compare(Width, Height, channels: 3, (host, encoder, images, rows, to) =>
        {
            var pitch = (int)images.Pointer->RowPitch;
            using var pixels = new HostMemory(host, Offset + Count * Height * pitch);
            for (var i = 0; i < Count; i++)
            {
                new ReadOnlySpan<byte>(images.Pointer[i].Pixels, Height * pitch).CopyTo(pixels.Span[(Offset + i * Height * pitch)..]);
            }
            var source = new BufferImages { Size = (uint)sizeof(BufferImages), Count = Count, Width = Width, Height = Height, Buffer = pixels.Buffer, Offset = Offset, RowPitch = (uint)pitch };
            rows.Submit(commands => library.Require(library.Record(encoder, commands, source, to.Features, to.Projections)));
        });
    }

    // 300 x 200 pixels are more than the network's side asks for, so they are reduced; 65 x 3 leave part of a word.
    [SkippableTheory]
    [InlineData(Format.R8G8B8A8Unorm, ImageLayout.ShaderReadOnlyOptimal, 40, 33)]
    [InlineData(Format.B8G8R8A8Unorm, ImageLayout.General, 300, 200)]
    [InlineData(Format.A8B8G8R8UnormPack32, ImageLayout.General, 65, 3)]
    [InlineData(Format.R8G8B8A8Unorm, ImageLayout.ShaderReadOnlyOptimal, 1, 1)]
    public void Images_in_views(Format format, ImageLayout layout, int width, int height) => Compare(width, height, channels: 4, (host, encoder, images, rows, to) =>
    {
        using var pixels = new HostMemory(host, Count * 4 * width * height);
        var textures = Enumerable.Range(0, Count).Select(_ => new HostTexture(host, format, width, height)).ToList();
        for (var i = 0; i < Count * width * height; i++)
        {
            var (image, y, x) = (i / (width * height), i / width % height, i % width);
            var pixel = new ReadOnlySpan<byte>(images.Pointer[image].Pixels + y * (int)images.Pointer[image].RowPitch + 4 * x, 4).ToArray();
            if (format == Format.B8G8R8A8Unorm)
            {
                (pixel[0], pixel[2]) = (pixel[2], pixel[0]);
            }
            pixel.CopyTo(pixels.Span[(4 * i)..]);
        }
        fixed (ulong* views = textures.Select(t => t.View).ToArray())
        {
            var source = new ImageViews { Size = (uint)sizeof(ImageViews), Count = Count, Width = (uint)width, Height = (uint)height, Views = views, Format = (uint)format, Layout = (uint)layout };
            // Twice: an encoder records again once its commands have ended.
            for (var time = 0; time < 2; time++)
            {
                rows.Span.Clear();
                rows.Submit(commands =>
                {
                    for (var i = 0; i < Count; i++)
                    {
                        textures[i].Fill(commands, pixels, 4 * i * width * height, width, layout);
                    }
                    library.Require(library.Record(encoder, commands, source, to.Features, to.Projections));
                });
            }
        }
        textures.ForEach(t => t.Dispose());
    });

    private delegate void Recording(GpuDevice host, ulong encoder, HostImages images, HostMemory rows, (BufferRows Features, BufferRows Projections) to);

    // Embeds images by commands of a host, and compares with the program.
    private void Compare(int width, int height, int channels, Recording run)
    {
        var checkpoint = folder.File("run");
        ProgramRun.Make(checkpoint);
        using var images = new HostImages(Count, width, height, channels);
        using var host = TestDevices.Open(TestDevices.Lavapipe);
        var context = library.CreateOn(host);
        var encoder = library.LoadEncoder(context, checkpoint, Batch);
        var info = library.Describe(encoder);
        var (f, p) = ((int)info.FeatureWidth, (int)info.ProjectionWidth);
        using (var rows = new HostMemory(host, sizeof(float) * Count * (f + p)))
        {
            run(host, encoder, images, rows, (new BufferRows { Buffer = rows.Buffer }, new BufferRows { Buffer = rows.Buffer, Offset = (ulong)(sizeof(float) * Count * f) }));
            var found = MemoryMarshal.Cast<byte, float>(rows.Span).ToArray();
            Assert.Equal(ProgramRun.Embed(checkpoint, images, reduced: true), Enumerable.Range(0, Count).SelectMany(i => found.AsSpan(i * f, f).ToArray().Concat(found.AsSpan(Count * f + i * p, p).ToArray())));
        }
        library.Require(library.Destroy(context));
        Assert.Empty(host.ValidationMessages);
    }
}
