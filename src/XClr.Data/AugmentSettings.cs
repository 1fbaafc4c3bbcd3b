namespace XClr.Data;

/// <summary>How a crop is resampled to the output size; both are antialiased.</summary>
public enum Interpolation
{
    Bilinear,
    Bicubic,
}

/// <summary>
/// The strengths of every augmentation, in torchvision's terms. Applied in the order crop, flip, jitter, greyscale, blur,
/// solarise. Probabilities lie in [0, 1]; an augmentation with probability 0 never happens.
/// </summary>
public sealed record AugmentSettings
{
    /// <summary>The presets' names, for help texts and errors.</summary>
    public static IReadOnlyList<string> PresetNames { get; } = ["simclr", "light", "none"];

    /// <summary>Random resized crop; false takes the largest centred square.</summary>
    public bool RandomCrop { get; init; } = true;

    /// <summary>Crop area, as a fraction of the image's: smallest.</summary>
    public double AreaMin { get; init; } = 0.08;

    /// <summary>Crop area, as a fraction of the image's: largest.</summary>
    public double AreaMax { get; init; } = 1;

    /// <summary>Crop width over height: smallest (drawn log-uniformly).</summary>
    public double RatioMin { get; init; } = 3.0 / 4;

    /// <summary>Crop width over height: largest.</summary>
    public double RatioMax { get; init; } = 4.0 / 3;

    /// <summary>How the crop is resampled.</summary>
    public Interpolation Interpolation { get; init; } = Interpolation.Bicubic;

    /// <summary>Probability of a horizontal flip.</summary>
    public double FlipP { get; init; } = 0.5;

    /// <summary>Probability that the colour jitter (all four of its steps) is applied.</summary>
    public double JitterP { get; init; } = 0.8;

    /// <summary>Brightness b: factor uniform in [max(0, 1-b), 1+b].</summary>
    public double Brightness { get; init; } = 0.8;

    /// <summary>Contrast c: factor uniform in [max(0, 1-c), 1+c].</summary>
    public double Contrast { get; init; } = 0.8;

    /// <summary>Saturation s: factor uniform in [max(0, 1-s), 1+s].</summary>
    public double Saturation { get; init; } = 0.8;

    /// <summary>Hue h, in turns (0 to 0.5): shift uniform in [-h, h].</summary>
    public double Hue { get; init; } = 0.2;

    /// <summary>Probability of greyscale.</summary>
    public double GreyP { get; init; } = 0.2;

    /// <summary>Probability of the Gaussian blur.</summary>
    public double BlurP { get; init; } = 0.5;

    /// <summary>Blur sigma in output pixels: smallest.</summary>
    public double BlurSigmaMin { get; init; } = 0.1;

    /// <summary>Blur sigma in output pixels: largest.</summary>
    public double BlurSigmaMax { get; init; } = 2;

    /// <summary>Probability of solarising, first view.</summary>
    public double SolariseP { get; init; }

    /// <summary>Probability of solarising, second view (BYOL: 0.2).</summary>
    public double SolariseSecondP { get; init; }

    /// <summary>Values at or above this (of 0 to 1) are inverted by solarising.</summary>
    public double SolariseThreshold { get; init; } = 0.5;

    /// <summary>
    /// The settings of a preset: `simclr` (the paper's), `light` (small images: gentler crop and jitter, no blur), `none`
    /// (the centred square, unchanged).
    /// </summary>
    /// <exception cref="ArgumentException">No preset has that name; the message lists those there are.</exception>
    public static AugmentSettings Preset(string name) => name switch
    {
        "simclr" => new(),
        "light" => new()
        {
            AreaMin = 0.2,
            Interpolation = Interpolation.Bilinear,
            Brightness = 0.4,
            Contrast = 0.4,
            Saturation = 0.4,
            Hue = 0.1,
            BlurP = 0,
        },
        "none" => new() { RandomCrop = false, FlipP = 0, JitterP = 0, GreyP = 0, BlurP = 0 },
        _ => throw new ArgumentException($"There is no augmentation preset '{name}'; use one of: {string.Join(", ", PresetNames)}."),
    };

    /// <summary>Returns these settings if every value makes sense.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it and the range.</exception>
    public AugmentSettings Validated()
    {
        RequireRange("AreaMin", AreaMin, "AreaMax", AreaMax, 1e-6, 1);
        RequireRange("RatioMin", RatioMin, "RatioMax", RatioMax, 1e-3, 1e3);
        RequireRange("BlurSigmaMin", BlurSigmaMin, "BlurSigmaMax", BlurSigmaMax, 1e-3, 1e3);
        Require("FlipP", FlipP, 1);
        Require("JitterP", JitterP, 1);
        Require("GreyP", GreyP, 1);
        Require("BlurP", BlurP, 1);
        Require("SolariseP", SolariseP, 1);
        Require("SolariseSecondP", SolariseSecondP, 1);
        Require("SolariseThreshold", SolariseThreshold, 1);
        Require("Brightness", Brightness, 100);
        Require("Contrast", Contrast, 100);
        Require("Saturation", Saturation, 100);
        Require("Hue", Hue, 0.5);
        return this;
    }

    private static void Require(string name, double value, double max)
    {
        if (!(value >= 0 && value <= max))
        {
            throw new ArgumentException($"Augmentation: {name} is {value}; it must lie in [0, {max}].");
        }
    }

    private static void RequireRange(string lowName, double low, string highName, double high, double min, double max)
    {
        if (!(low >= min && low <= high && high <= max))
        {
            throw new ArgumentException(
                $"Augmentation: {lowName} {low} and {highName} {high} must satisfy {min} <= {lowName} <= {highName} <= {max}.");
        }
    }
}
