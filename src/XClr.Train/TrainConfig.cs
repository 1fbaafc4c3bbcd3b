using System.Text;
using System.Text.Json;
using XClr.Data;
using XClr.Nn.Models;
using XClr.Nn.Optim;

namespace XClr.Train;

/// <summary>
/// Everything that defines a training run: command line, defaults, recipes and the saved config.json are all this record, through the one
/// table <see cref="TrainOptions"/>, where each property's unit, range and meaning stand.
/// </summary>
public sealed record TrainConfig
{
    // Data
    public string? Data { get; init; }
    public string? ValData { get; init; }
    public DataFormat DataFormat { get; init; } = DataFormat.Auto;
    public string? Classes { get; init; }
    public string? CaptionTemplate { get; init; }
    public double? MaxBadFraction { get; init; }

    /// <summary>Decoding threads; 0: one per core, less one for the training thread.</summary>
    public int Workers { get; init; }

    // Network
    public Arch Arch { get; init; } = Arch.ResNet50;
    public Stem Stem { get; init; } = Stem.ImageNet;
    public double Width { get; init; } = 1;
    public Projector Projector { get; init; } = Projector.Mlp;
    public string? InitWeights { get; init; }

    // Objective
    public LossKind Loss { get; init; } = LossKind.Xclr;
    public double Tau { get; init; } = 0.1;
    public double TauS { get; init; } = 0.1;
    public CaptionUse Captions { get; init; }
    public string TextEncoder { get; init; } = "static-minilm-128";
    public string TextProvider { get; init; } = "cpu";

    // Images
    public int ImageSize { get; init; } = 224;
    public AugmentPreset Augment { get; init; } = AugmentPreset.SimClr;

    /// <summary>The preset's strengths, with those given one by one in their place.</summary>
    public AugmentSettings AugmentStrengths { get; init; } = AugmentSettings.Preset("simclr");

    // Optimisation
    public int BatchSize { get; init; } = 256;

    /// <summary>Samples that the network works on at a time; 0: all of the batch; null: as many as fit the device.</summary>
    public int? MicroBatch { get; init; } = 0;
    public double? Epochs { get; init; } = 100;
    public long? Steps { get; init; }
    public OptimizerKind Optimizer { get; init; } = OptimizerKind.Lars;
    public double Lr { get; init; } = 0.3;
    public LrScaling LrScaling { get; init; } = LrScaling.Linear;
    public double? WarmupEpochs { get; init; }
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Cosine;

    /// <summary>Epochs at which a step schedule lowers the rate, rising, comma-separated; see <see cref="MilestoneEpochs"/>.</summary>
    public string? Milestones { get; init; }
    public double Gamma { get; init; } = 0.1;
    public double WeightDecay { get; init; } = 1e-6;
    public double Momentum { get; init; } = 0.9;
    public bool Nesterov { get; init; }

    /// <summary>Largest global L2 norm of the gradients; 0: no clipping.</summary>
    public double ClipNorm { get; init; }
    public Precision Precision { get; init; } = Precision.Fp32;

    // The run
    /// <summary>Bytes of device memory that may be used; null: all.</summary>
    public long? MemoryLimit { get; init; }
    public ulong Seed { get; init; }
    public string? RunDir { get; init; }

    /// <summary>Steps between checkpoints; the last step is always saved.</summary>
    public long SaveEvery { get; init; } = 1000;

    /// <summary>Last checkpoints that stay, beside the best one.</summary>
    public int Keep { get; init; } = 3;

    /// <summary>Steps between evaluations on ValData; 0: before the first and after the last step only.</summary>
    public long EvalEvery { get; init; }
    public long LogEvery { get; init; } = 10;
    public TimeSpan? MaxTime { get; init; }

    /// <summary>`auto`, or the path of a checkpoint as <see cref="Nn.CheckpointPath.Resolve"/> takes it; null: a new run.</summary>
    public string? Resume { get; init; }

    /// <summary>Index, UUID or part of the name; null: XCLR_DEVICE, else the best one.</summary>
    public string? Device { get; init; }

    /// <summary>True where samples need a caption: the loss compares captions.</summary>
    public bool NeedsText => Loss.Facts().Target == TargetKind.Text;

    /// <summary>The values of <see cref="Milestones"/>.</summary>
    /// <exception cref="UsageException">They are no rising list of positive numbers.</exception>
    public IReadOnlyList<double> MilestoneEpochs => TrainValidation.ParseMilestones(Milestones);

    /// <summary>Steps of the whole run, where one pass over the data takes <paramref name="stepsPerEpoch"/> steps.</summary>
    public long TotalSteps(long stepsPerEpoch) => Steps ?? Math.Max(1, (long)Math.Round(Epochs!.Value * stepsPerEpoch));

    /// <summary>Warm-up, in steps: as asked, or a tenth of the run.</summary>
    public long WarmupSteps(long stepsPerEpoch) => WarmupEpochs is { } epochs
        ? (long)Math.Round(epochs * stepsPerEpoch)
        : TotalSteps(stepsPerEpoch) / 10;

    /// <summary>The learning rate of every step.</summary>
    /// <exception cref="UsageException">The warm-up is longer than the run.</exception>
    public Schedule CreateSchedule(long stepsPerEpoch)
    {
        var (total, warmup) = (TotalSteps(stepsPerEpoch), WarmupSteps(stepsPerEpoch));
        if (warmup > total)
        {
            throw new UsageException($"--warmup-epochs {WarmupEpochs}: that is {warmup} steps, and the run has {total}; ask for a shorter warm-up or a longer run.");
        }
        var rate = Nn.Optim.Schedule.Scale(Lr, LrScaling, BatchSize);
        long[] milestones = [.. MilestoneEpochs.Select(e => (long)Math.Round(e * stepsPerEpoch))];
        if (milestones.Distinct().Count() < milestones.Length)
        {
            throw new UsageException($"--milestones {Milestones}: two of them are the same step (an epoch has {stepsPerEpoch}).");
        }
        return new Schedule(Schedule, rate, total, warmup, milestones, Gamma);
    }

    /// <summary>Returns this configuration if its values fit together, with the text encoder's folder in full: the checkpoint is evaluated from other places, too.</summary>
    /// <param name="requireData">False accepts a configuration without training set: for plans.</param>
    /// <exception cref="UsageException">They do not; the message names the options, their values and the remedy.</exception>
    public TrainConfig Validated(bool requireData = true)
    {
        TrainValidation.Check(this, requireData);
        // So that the run goes on from another folder too. Patterns of shards, addresses and names stay as they are.
        static string? Absolute(string? path) => Path.Exists(path) ? Path.GetFullPath(path) : path;
        return this with { TextEncoder = Directory.Exists(TextEncoder) ? Path.GetFullPath(TextEncoder) : TextEncoder, Data = Absolute(Data), ValData = Absolute(ValData), Classes = Absolute(Classes), InitWeights = Absolute(InitWeights) };
    }

    /// <summary>The whole configuration as one JSON object whose keys are the options' names.</summary>
    public JsonElement ToJson() => TrainConfigJson.Write(this);

    /// <summary>The configuration that <see cref="ToJson"/> gave; options it does not name have their defaults.</summary>
    /// <param name="json">An object of option names and values.</param>
    /// <param name="source">What messages call it.</param>
    /// <exception cref="UsageException">An unknown name or a value that is not accepted.</exception>
    public static TrainConfig FromJson(JsonElement json, string source) =>
        TrainConfigJson.Apply(new TrainConfig(), TrainConfigJson.FromElement(json, source));

    /// <summary>
    /// Puts a configuration together: defaults, then the recipe, then the config file, then <paramref name="commandLine"/> (option names
    /// without dashes, and values). A config file may name a recipe too; the command line's wins.
    /// </summary>
    /// <exception cref="UsageException">An unknown name, a value out of range, a missing or malformed file, or values that do not fit together.</exception>
    public static TrainConfig Resolve(string? recipe, string? configFile, IReadOnlyList<KeyValuePair<string, string>> commandLine)
    {
        return TrainOptions.Apply(Resolve(recipe, configFile is null ? null : TrainConfigJson.ReadFile(configFile)), commandLine, source: null);
    }

    /// <summary>A configuration from a config file's text; source: what messages call it.</summary>
    /// <exception cref="UsageException">No JSON object, an unknown name, or a value out of range.</exception>
    public static TrainConfig FromText(string json, string source) => Resolve(recipe: null, TrainConfigJson.Parse(Encoding.UTF8.GetBytes(json), source));

    private static TrainConfig Resolve(string? recipe, ConfigSource? file)
    {
        var config = (recipe ?? file?.Recipe) is { } name ? OfRecipe(name, recipe is null ? $"{file!.Source}: " : "") : new TrainConfig();
        return file is null ? config : TrainConfigJson.Apply(config, file);
    }

    // A recipe may be another one with changes.
    private static TrainConfig OfRecipe(string name, string source)
    {
        var recipe = TrainRecipes.Read(name, source);
        return TrainConfigJson.Apply(recipe.Recipe is { } other ? OfRecipe(other, $"recipe {name}: ") : new TrainConfig(), recipe);
    }
}
