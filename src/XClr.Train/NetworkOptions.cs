using System.Globalization;
using System.Numerics;
using XClr.Nn;
using XClr.Nn.Models;
using XClr.Nn.Ops;
using XClr.Nn.Weights;

namespace XClr.Train;

/// <summary>
/// What the user says about a checkpoint's network; null = nothing. For a bare weights file it overrides what the tensors tell, and the defaults. A run's saved state is authoritative:
/// what contradicts it is refused.
/// </summary>
public sealed record NetworkOptions
{
    private const int TorchvisionSize = 224;

    public Arch? Arch { get; init; }
    public Stem? Stem { get; init; }
    public double? Width { get; init; }

    /// <summary>Side of the images in pixels.</summary>
    public int? ImageSize { get; init; }

    /// <summary>Subtracted from the channels, of pixels from 0 to 1.</summary>
    public Vector3? Mean { get; init; }

    /// <summary>What the channels are divided by after that.</summary>
    public Vector3? Std { get; init; }

    /// <summary>How images are resized.</summary>
    public ResizeFilter? Filter { get; init; }

    /// <summary>Reads options from text, named and limited as those of `train` are; mean and std are three numbers with commas between, interpolation a filter's name. Null = not given.</summary>
    /// <exception cref="UsageException">A value is not accepted.</exception>
    public static NetworkOptions Parse(string? arch, string? stem, string? width, string? imageSize, string? mean, string? std, string? interpolation)
    {
        var given = new (string Name, string? Text)[] { ("arch", arch), ("stem", stem), ("width", width), ("image-size", imageSize) };
        var config = TrainOptions.Apply(new TrainConfig(), [.. given.Where(g => g.Text is not null).Select(g => new KeyValuePair<string, string>(g.Name, g.Text!))], source: null);
        return new NetworkOptions
        {
            Arch = arch is null ? null : config.Arch,
            Stem = stem is null ? null : config.Stem,
            Width = width is null ? null : config.Width,
            ImageSize = imageSize is null ? null : config.ImageSize,
            Mean = Channels("mean", mean, static _ => true, "three numbers with commas between, such as 0.485,0.456,0.406"),
            Std = Channels("std", std, static v => v > 0, "three numbers above 0 with commas between, such as 0.229,0.224,0.225"),
            Filter = interpolation is null ? null : OptionText.TryParseName<ResizeFilter>(interpolation, out var filter) ? filter
                : throw new UsageException($"--interpolation '{interpolation}' is not accepted; allowed: {OptionText.NamesOf<ResizeFilter>()}."),
        };
    }

    /// <summary>These options, completed by a bare file's metadata, as <see cref="EncoderExport"/> writes them.</summary>
    /// <exception cref="CheckpointException">The metadata are invalid.</exception>
    internal NetworkOptions OrOf(BackboneWeights weights)
    {
        // Other programs' metadata may use the same names.
        string? Said(string name) => weights.Metadata.ContainsKey("preprocessing") ? weights.Metadata.GetValueOrDefault(name) : null;
        try
        {
            var own = Parse(arch: null, Said("stem"), width: null, Said("image_size"), Said("mean"), Said("std"), Said("interpolation"));
            return this with
            {
                Stem = Stem ?? own.Stem,
                ImageSize = ImageSize ?? own.ImageSize,
                Mean = Mean ?? own.Mean,
                Std = Std ?? own.Std,
                Filter = Filter ?? own.Filter,
            };
        }
        catch (UsageException e)
        {
            throw new CheckpointException($"{weights.Path}: its metadata are not as `export` writes them: {e.Message}");
        }
    }

    /// <summary>How images are prepared for a bare file: as in torchvision, unless these options say otherwise.</summary>
    internal AugmentSpec Images() => new(ImageSize ?? TorchvisionSize, Filter ?? ResizeFilter.Bilinear, Mean ?? AugmentSpec.ImageNetMean, Std ?? AugmentSpec.ImageNetStd, Blur: false);

    /// <summary>Requires that nothing contradicts a checkpoint's state.</summary>
    /// <exception cref="UsageException">An option does; the message names it, both values and the file.</exception>
    internal void RequireAgreement(ModelSpec spec, AugmentSpec images, string stateFile)
    {
        void Agree(string name, object? given, object saved)
        {
            if (given is not null && !given.Equals(saved))
            {
                throw new UsageException($"--{name} {Text(given)} contradicts {stateFile}, which says {Text(saved)}; leave the option out.");
            }
        }
        Agree("arch", Arch, spec.Arch);
        Agree("stem", Stem, spec.Stem);
        Agree("width", Width, spec.Width);
        Agree("image-size", ImageSize, images.Size);
        Agree("mean", Mean, images.Mean);
        Agree("std", Std, images.Std);
        Agree("interpolation", Filter, images.Filter);
    }

    private static string Text(object value) => value switch
    {
        Enum e => e.LowerName(),
        Vector3 v => string.Create(CultureInfo.InvariantCulture, $"{v.X},{v.Y},{v.Z}"),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static Vector3? Channels(string name, string? text, Func<float, bool> accepted, string allowed)
    {
        if (text is null)
        {
            return null;
        }
        var values = text.Split(',', StringSplitOptions.TrimEntries)
            .Select(t => float.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) && float.IsFinite(v) && accepted(v) ? v : float.NaN).ToArray();
        return values is [var r, var g, var b] && !values.Any(float.IsNaN) ? new Vector3(r, g, b) : throw new UsageException($"--{name} '{text}' is not accepted; allowed: {allowed}.");
    }
}
