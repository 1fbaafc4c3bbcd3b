using XClr.Data.Readers;

namespace XClr.Data.Tests;

/// <summary>Gives a sample and throws.</summary>
internal sealed class FailingDataset : FakeDataset
{
    public override IEnumerable<RawSample> Read(ReadOrder order)
    {
        yield return new RawSample("a", "fake") { Image = new MemorySource { Bytes = TestImages.Solid(1) } };
        throw new InvalidOperationException("the reader broke");
    }
}

/// <summary>Gives a sample and waits until it is stopped.</summary>
internal sealed class WaitingDataset : FakeDataset
{
    public override IEnumerable<RawSample> Read(ReadOrder order)
    {
        yield return new RawSample("a", "fake") { Image = new MemorySource { Bytes = TestImages.Solid(1) } };
        Task.Delay(Timeout.Infinite, order.Stop).GetAwaiter().GetResult();
    }
}

/// <summary>Counts what it gave and what was read of it; each sample whose number <c>bad</c> divides is bad.</summary>
internal sealed class CountingDataset(int count, int bad = int.MaxValue) : FakeDataset
{
    private readonly byte[] file = TestImages.Solid(1);
    private int given, loaded;

    public int Given => Volatile.Read(ref given);

    public int Loaded => Volatile.Read(ref loaded);

    public override IEnumerable<RawSample> Read(ReadOrder order)
    {
        for (var i = 0; i < count; i++)
        {
            Interlocked.Increment(ref given);
            yield return bad < int.MaxValue && i % bad == 0 ? RawSample.Broken($"{i}", "fake", SampleFault.NoImage, "there is none") : new RawSample($"{i}", "fake") { Image = new Source(this) };
        }
    }

    private sealed class Source(CountingDataset owner) : ImageSource
    {
        protected override ImageBytes ReadBytes()
        {
            Interlocked.Increment(ref owner.loaded);
            return ImageBytes.Of(owner.file);
        }
    }
}

/// <summary>A set without files.</summary>
internal abstract class FakeDataset : IImageDataset
{
    public string Name => "fake";

    public string Format => "fake";

    public IReadOnlyList<string>? Classes => null;

    public long Count => 1;

    public abstract IEnumerable<RawSample> Read(ReadOrder order);

    public void Dispose()
    {
    }
}
