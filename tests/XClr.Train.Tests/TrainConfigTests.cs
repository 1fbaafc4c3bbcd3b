using XClr.Nn.Models;
using System.Text.Json;
using XClr.Data;
using XClr.Nn.Optim;

namespace XClr.Train.Tests;

public sealed class TrainConfigTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static KeyValuePair<string, string>[] Given(params string[] namesAndValues) =>
        [.. namesAndValues.Chunk(2).Select(p => new KeyValuePair<string, string>(p[0], p[1]))];

    private static TrainConfig From(params string[] namesAndValues) => TrainConfig.Resolve(null, null, Given(namesAndValues));

    private static string Refusal(Func<TrainConfig> make) => Assert.Throws<UsageException>(make).Message;

    private string File(string json)
    {
        var path = folder.File("run.json");
        System.IO.File.WriteAllText(path, json);
        return path;
    }

    [Fact]
    public void Every_option_is_there_once_with_unit_and_default()
    {
        string[] asked =
        [
            "data", "val-data", "data-format", "classes", "caption-template", "arch", "stem", "width", "projector", "loss", "tau", "tau-s", "captions",
            "text-encoder", "batch-size", "epochs", "steps", "image-size", "optimizer", "lr", "lr-scaling", "warmup-epochs", "schedule",
            "weight-decay", "momentum", "clip-norm", "seed", "workers", "run-dir", "save-every", "keep", "eval-every", "log-every", "max-time",
            "init-weights", "resume", "device", "precision", "augment", "max-bad-fraction", "text-provider",
        ];
        var names = TrainOptions.All.Select(o => o.Name).ToList();
        Assert.Empty(asked.Except(names));
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.All(TrainOptions.All, o => Assert.Contains("(default: ", o.Describe()));
        Assert.All(TrainOptions.All, o => Assert.True(o.Form == OptionForm.Switch || o.Unit.Length > 0, $"{o.Name} has no unit"));
    }

    /// <summary>
    /// A wrong pair of getter and setter in the table would show here: every option is changed, and only it differs; but for augment, which sets
    /// all strengths on purpose.
    /// </summary>
    [Fact]
    public void Each_option_sets_its_own_value_only()
    {
        var start = new TrainConfig { Epochs = null };
        foreach (var option in TrainOptions.All.Where(o => o.Name != "augment"))
        {
            var before = option.Get(start);
            var text = Other(option, before);
            var changed = option.Set(start, text);
            Assert.Equal(text, option.Get(changed));
            Assert.NotEqual(before, text);
            Assert.All(TrainOptions.All.Where(o => o != option), o => Assert.Equal(o.Get(start), o.Get(changed)));
        }
    }

    private static string Other(TrainOption option, string? value) => option switch
    {
        { Form: OptionForm.Switch } => value == "true" ? "false" : "true",
        { Form: OptionForm.Number } => new[] { "0.25", "8", "9" }.First(t => t != value && Accepts(option, t)),
        { Name: "max-time" } => "2h30m",
        { Name: "memory-limit" } => "3221225472",
        _ when option.Allowed.Contains('|') => option.Allowed.Split('|').First(t => t != value),
        _ => "other",
    };

    private static bool Accepts(TrainOption option, string text)
    {
        try
        {
            option.Set(new TrainConfig(), text);
            return true;
        }
        catch (UsageException)
        {
            return false;
        }
    }

    [Fact]
    public void Command_line_beats_file_beats_recipe_beats_defaults()
    {
        var file = File("""{ "batch-size": 48, "lr": 0.5 }""");
        var config = TrainConfig.Resolve("imagenet-xclr-r50", file, Given("lr", "0.7"));
        Assert.Equal(0.7, config.Lr);
        Assert.Equal(48, config.BatchSize);
        Assert.Equal(LrScaling.Sqrt, config.LrScaling);
        Assert.Equal(10, config.LogEvery);
    }

    [Fact]
    public void A_file_may_name_a_recipe_and_the_command_line_another()
    {
        var file = File("""{ "recipe": "demo", "seed": 5 }""");
        Assert.Equal(Stem.ImageNet, TrainConfig.Resolve("cc3m-xclr-r50", file, []).Stem);
        var config = TrainConfig.Resolve(null, file, []);
        Assert.Equal(DataFormat.Idx, config.DataFormat);
        Assert.Equal(5ul, config.Seed);
    }

    [Fact]
    public void Json_holds_every_option_and_reads_back_equal()
    {
        var config = From("data", "shards/{0..3}.tar", "lr", "1e-3", "seed", "18446744073709551615", "steps", "7", "max-time", "90m", "nesterov", "true",
            "optimizer", "sgd", "augment", "light", "hue", "0.05", "caption-template", "a \"photo\" of {class}");
        var json = config.ToJson();
        Assert.Equal(TrainOptions.All.Select(o => o.Name).Order(), json.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(JsonValueKind.Number, json.GetProperty("lr").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.GetProperty("epochs").ValueKind);
        Assert.Equal(JsonValueKind.True, json.GetProperty("nesterov").ValueKind);
        Assert.Equal(config, TrainConfig.FromJson(json, "saved"));
        Assert.Equal(config, TrainConfig.Resolve("cc3m-xclr-r50", File(json.GetRawText()), []));
    }

    [Fact]
    public void Unknown_keys_are_refused_with_the_nearest()
    {
        var message = Refusal(() => TrainConfig.Resolve(null, File("""{ "batchsize": 3 }"""), []));
        Assert.Contains("run.json: there is no option 'batchsize'", message);
        Assert.Contains("'batch-size'", message);
        Assert.DoesNotContain("mean", Refusal(() => From("qqqqqqqqqqqq", "1")));
    }

    [Theory]
    [InlineData("batch-size", "0", "--batch-size '0' is not accepted; allowed: a whole number from 1 to 1048576")]
    [InlineData("batch-size", "1.5", "a whole number")]
    [InlineData("loss", "triplet", "xclr|simclr|supcon|clip")]
    [InlineData("loss", "1", "xclr|simclr")]
    [InlineData("tau", "0", "a number from 0.0001 to 100")]
    [InlineData("lr", "NaN", "a number from 0")]
    [InlineData("lr", "0,1", "a number from 0")]
    [InlineData("hue", "0.6", "a number from 0 to 0.5")]
    [InlineData("max-time", "10", "90s, 150m")]
    [InlineData("max-time", "1m1h", "90s, 150m")]
    [InlineData("nesterov", "yes", "true|false")]
    [InlineData("text-encoder", "", "any text")]
    [InlineData("precision", "fp64", "fp32")]
    public void A_value_out_of_range_is_refused_with_what_is_allowed(string name, string value, string expected) =>
        Assert.Contains(expected, Refusal(() => From(name, value)));

    [Theory]
    [InlineData("""{ "lr": "0.1" }""", "lr must be a number, not \"0.1\"")]
    [InlineData("""{ "data": 3 }""", "data must be a string, not 3")]
    [InlineData("""{ "nesterov": 1 }""", "nesterov must be true or false, not 1")]
    [InlineData("""{ "lr": 0.1, "lr": 0.2 }""", "'lr' is given 2 times")]
    [InlineData("""{ "steps": 3, "epochs": 1 }""", "give one of them")]
    [InlineData("""[1]""", "one object")]
    [InlineData("""{ "lr": """, "no valid JSON")]
    [InlineData("""{ "data": "\ud800" }""", "no valid JSON")]
    [InlineData("""{ "recipe": "demmo" }""", "run.json: There is no recipe 'demmo'")]
    [InlineData("\ufeff{ \"tau\": 0 }", "run.json: tau '0' is not accepted")]
    [InlineData("""{ "tau": 0 }""", "run.json: tau '0' is not accepted")]
    public void A_malformed_file_is_refused_by_name(string json, string expected) =>
        Assert.Contains(expected, Refusal(() => TrainConfig.Resolve(null, File(json), [])));

    /// <summary>A checkpoint's state.json holds a configuration, whose texts are looked at no earlier than here.</summary>
    [Theory]
    [InlineData("""{ "data": "\udc00" }""")]
    [InlineData("""{ "\ud800": 1 }""")]
    public void A_malformed_object_is_refused_by_its_files_name(string json)
    {
        using var document = JsonDocument.Parse(json);
        Assert.StartsWith("state.json: is no valid JSON", Refusal(() => TrainConfig.FromJson(document.RootElement, "state.json")));
    }

    [Fact]
    public void A_missing_file_and_an_unknown_recipe_are_usage_errors()
    {
        Assert.Contains("nowhere.json", Refusal(() => TrainConfig.Resolve(null, folder.File("nowhere.json"), [])));
        Assert.Contains("there are: cc3m-clip-r50, cc3m-simclr-r50, cc3m-supcon-r50, cc3m-xclr-r50, compare, demo, imagenet-clip-r50, imagenet-simclr-r50, imagenet-supcon-r50, imagenet-xclr-r50", Refusal(() => TrainConfig.Resolve("imagenet", null, [])));
    }

    [Fact]
    public void Steps_and_epochs_replace_each_other()
    {
        var steps = TrainConfig.Resolve("cc3m-xclr-r50", null, Given("steps", "30"));
        Assert.Null(steps.Epochs);
        Assert.Equal(30, steps.TotalSteps(stepsPerEpoch: 1000));
        var epochs = TrainConfig.Resolve("demo", null, Given("epochs", "0.5"));
        Assert.Null(epochs.Steps);
        Assert.Equal(500, epochs.TotalSteps(stepsPerEpoch: 1000));
    }

    [Fact]
    public void Naming_a_preset_resets_the_strengths_and_those_beside_it_apply_wherever_they_stand()
    {
        var file = File("""{ "hue": 0.05, "augment": "light", "crop-area-min": 0.3 }""");
        var config = TrainConfig.Resolve(null, file, Given("grey-p", "0"));
        Assert.Equal(AugmentSettings.Preset("light") with { Hue = 0.05, AreaMin = 0.3, GreyP = 0 }, config.AugmentStrengths);
        Assert.Equal(AugmentSettings.Preset("none"), TrainConfig.Resolve(null, file, Given("augment", "none")).AugmentStrengths);
    }

    [Fact]
    public void Default_strengths_are_the_presets_and_every_preset_is_known_to_the_data()
    {
        Assert.Equal(AugmentSettings.PresetNames, Enum.GetNames<AugmentPreset>().Select(n => n.ToLowerInvariant()));
        Assert.Equal(DatasetFactory.Formats, Enum.GetNames<DataFormat>().Select(n => n.ToLowerInvariant()));
        Assert.Equal(AugmentSettings.Preset("simclr"), new TrainConfig().AugmentStrengths);
    }

    [Theory]
    [InlineData("--data is missing")]
    [InlineData("--caption-template 'a photo'", "caption-template", "a photo")]
    [InlineData("--eval-every 5 needs a --val-data", "eval-every", "5")]
    [InlineData("--batch-size 1", "batch-size", "1")]
    [InlineData("--crop-area-min 0.5 is above --crop-area-max 0.25", "crop-area-min", "0.5", "crop-area-max", "0.25")]
    [InlineData("--warmup-epochs 3 is longer", "warmup-epochs", "3", "epochs", "2")]
    [InlineData("--schedule step needs --milestones", "schedule", "step")]
    [InlineData("'30' is no epoch above", "schedule", "step", "milestones", "30,30")]
    [InlineData("--milestones 3 is for --schedule step", "milestones", "3")]
    [InlineData("--nesterov needs --optimizer sgd", "nesterov", "true")]
    [InlineData("Neither --epochs nor --steps", "epochs", "")]
    public void Values_that_do_not_fit_together_are_refused(string expected, params string[] values)
    {
        string[] data = expected.StartsWith("--data", StringComparison.Ordinal) ? [] : ["data", "d"];
        Assert.Contains(expected, Refusal(() => From([.. data, .. values]).Validated()));
    }

    [Fact]
    public void A_run_that_began_with_given_weights_resumes_with_its_saved_config() =>
        Assert.Equal(("w", "auto"), From("data", "d", "init-weights", "w", "run-dir", "r", "resume", "auto").Validated() is var c ? (c.InitWeights, c.Resume) : default);

    [Fact]
    public void Every_recipe_is_valid_and_the_xclr_recipes_are_the_documented_ones()
    {
        foreach (var name in TrainRecipes.Names)
        {
            TrainConfig.Resolve(name, null, Given("data", "d")).Validated();
        }
        foreach (var (name, rate) in new[] { ("cc3m-xclr-r50", 0.3 * 1024 / 256), ("imagenet-xclr-r50", 0.075 * 32) })
        {
            var config = TrainConfig.Resolve(name, null, []);
            var schedule = config.CreateSchedule(stepsPerEpoch: 100);
            Assert.Equal((10_000, 1_000), (schedule.TotalSteps, schedule.WarmupSteps));
            Assert.Equal(rate, schedule.BaseRate, precision: 12);
            Assert.Equal((OptimizerKind.Lars, 1e-6, 1024, Arch.ResNet50, 224), (config.Optimizer, config.WeightDecay, config.BatchSize, config.Arch, config.ImageSize));
        }
    }

    [Theory]
    [InlineData("cc3m")]
    [InlineData("imagenet")]
    public void Recipes_of_one_data_set_differ_by_the_loss_alone(string data)
    {
        var xclr = TrainConfig.Resolve($"{data}-xclr-r50", null, []);
        foreach (var loss in new[] { LossKind.SimClr, LossKind.SupCon, LossKind.Clip })
        {
            var config = TrainConfig.Resolve($"{data}-{loss.ToString().ToLowerInvariant()}-r50", null, []);
            Assert.Equal(loss, config.Loss);
            Assert.Equal(xclr, config with { Loss = LossKind.Xclr });
        }
    }

    // The runs whose figures docs/evaluation.md and the report speak of were made with these values.
    [Fact]
    public void The_compare_recipe_is_the_one_that_was_measured()
    {
        var c = TrainConfig.Resolve("compare", null, []);
        Assert.Equal((Arch.ResNet18, Stem.Half, 0.5, 32, "static-minilm-128"), (c.Arch, c.Stem, c.Width, c.ImageSize, c.TextEncoder));
        Assert.Equal((128, 20.0, OptimizerKind.Sgd, 0.06, LrScaling.None, ScheduleKind.Cosine), (c.BatchSize, c.Epochs!.Value, c.Optimizer, c.Lr, c.LrScaling, c.Schedule));
        Assert.Equal((0.9, true, 5e-4, 0.0, Precision.Fp32), (c.Momentum, c.Nesterov, c.WeightDecay, c.ClipNorm, c.Precision));
        Assert.Equal((0.1, 0.1), (c.Tau, c.TauS));
        var network = TrainSetup.Network(c with { Loss = LossKind.Xclr }, textWidth: 128, classes: 0);
        Assert.Equal((HeadKind.Mlp, 256, 256, 128), (network.Head, network.FeatureWidth, network.ProjectorHidden, network.ProjectionWidth));
        Assert.Equal((400, 40), (c.CreateSchedule(20).TotalSteps, c.CreateSchedule(20).WarmupSteps));
        var a = c.AugmentStrengths;
        Assert.Equal((true, 0.2, 1.0, 3.0 / 4, 4.0 / 3, 0.5), (a.RandomCrop, a.AreaMin, a.AreaMax, a.RatioMin, a.RatioMax, a.FlipP));
        Assert.Equal((0.8, 0.4, 0.4, 0.4, 0.1), (a.JitterP, a.Brightness, a.Contrast, a.Saturation, a.Hue));
        Assert.Equal((0.2, 0.0, 0.0, 0.0), (a.GreyP, a.BlurP, a.SolariseP, a.SolariseSecondP));
    }

    [Fact]
    public void Warm_up_is_a_tenth_unless_asked_and_must_fit_the_run()
    {
        Assert.Equal(3, From("steps", "30").CreateSchedule(100).WarmupSteps);
        Assert.Equal(50, From("warmup-epochs", "0.5").CreateSchedule(100).WarmupSteps);
        var tooLong = From("steps", "30", "warmup-epochs", "1");
        Assert.Contains("that is 100 steps, and the run has 30", Assert.Throws<UsageException>(() => tooLong.CreateSchedule(100)).Message);
        // A warm-up as long as the run fits.
        Assert.Equal(200, From("epochs", "2", "warmup-epochs", "2").Validated(requireData: false).CreateSchedule(100).WarmupSteps);
        Assert.Equal([300, 600], From("schedule", "step", "milestones", "3, 6").CreateSchedule(100).Milestones);
        // Parts of an epoch are rounded, and a run has a step at least.
        Assert.Equal([3, 6, 1], new[] { "0.5", "0.95", "0.01" }.Select(e => From("epochs", e).TotalSteps(6)));
    }

    [Theory]
    [InlineData("90s", 90, "1m30s")]
    [InlineData("150m", 9000, "2h30m")]
    [InlineData("1D2h", 93600, "1d2h")]
    public void Durations_parse_and_print(string text, double seconds, string canonical)
    {
        Assert.True(OptionText.TryParseDuration(text, out var time));
        Assert.Equal(seconds, time!.Value.TotalSeconds);
        Assert.Equal(canonical, OptionText.FormatDuration(time));
    }
}
