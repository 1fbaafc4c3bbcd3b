using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using XClr.Nn;
using XClr.Train.Evaluation;

namespace XClr.Train.Comparison;

/// <summary>One network of a comparison: a loss (null = the untrained network), a seed, and a learning rate where there is a grid of them.</summary>
public sealed record ComparisonCell(ulong Seed, LossKind? Loss, double? Rate = null)
{
    /// <summary>What tables call the loss.</summary>
    public static string TitleOf(LossKind? loss) => loss?.Facts().Title ?? "untrained";

    /// <summary>The row of the table that it belongs to.</summary>
    public string Row => TitleOf(Loss) + (Rate is { } rate ? string.Create(CultureInfo.InvariantCulture, $", lr {rate}") : "");

    /// <summary>Name of its file and of its run's folder.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"seed{Seed}-{Loss?.LowerName() ?? "untrained"}{(Rate is { } rate ? $"-lr{rate}" : "")}");
}

/// <summary>What a cell came to, as its file has it.</summary>
/// <param name="Row">See <see cref="ComparisonCell.Row"/>.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Config">The run's configuration, by option names.</param>
/// <param name="Steps">Optimiser steps.</param>
/// <param name="Views">Images through the backbone in training.</param>
/// <param name="Seconds">Time of training and evaluation; of processes before the last one, that of the steps they logged.</param>
/// <param name="Device">Name and driver.</param>
/// <param name="TargetOwnView">The last logged mean share of the target on the sample's own other view; null where the loss has none.</param>
/// <param name="Maps">How images came into the text space, by protocol.</param>
/// <param name="Values">Measures by name, see <see cref="EvalNames"/>.</param>
/// <param name="Protocol">What was measured, by <see cref="ProtocolNames"/>; null in files of versions that did not say.</param>
/// <param name="Templates">Prompts of the zero-shot classes; null where there was no zero-shot, and in files of versions that did not say.</param>
public sealed record CellResult(
    string Row, ulong Seed, JsonElement Config, long Steps, long Views, double Seconds, string Device, double? TargetOwnView, IReadOnlyDictionary<string, string> Maps, IReadOnlyDictionary<string, double> Values,
    string? Protocol = null, IReadOnlyList<string>? Templates = null)
{
    /// <summary>Writes the file, whole or not at all.</summary>
    public void Write(string path) => DurableFile.Write(path, stream => JsonSerializer.Serialize(stream, this, ComparisonJson.Default.CellResult));

    /// <summary>Reads a file; null where there is none.</summary>
    /// <exception cref="UsageException">It is damaged.</exception>
    public static CellResult? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ComparisonJson.Default.CellResult) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new UsageException($"{path} is no result of a cell: {e.Message}; delete it, and the cell is made anew.");
        }
    }

    /// <summary>Refuses a result that was trained or measured with other options.</summary>
    /// <exception cref="UsageException">It was; the message names them.</exception>
    public void RequireSame(ComparisonRequest request, TrainConfig config, string path)
    {
        var before = TrainConfig.FromJson(Config, path);
        var changed = TrainOptions.All.Where(o => o.Name is not ("run-dir" or "resume" or "workers" or "device" or "max-time") && o.Get(before) != o.Get(config)).Select(o => $"{o.Name} {o.Get(before) ?? "unset"} -> {o.Get(config) ?? "unset"}").ToList();
        if (changed.Count > 0)
        {
            throw new UsageException($"{path} was made with other options ({string.Join(", ", changed)}); a table of both would compare nothing. Name another folder by --out, or go on with the same options.");
        }
        var measured = new[] { ChangedProtocol(request), ChangedTemplates(request) }.OfType<string>().ToList();
        if (measured.Count > 0)
        {
            throw new UsageException($"{path} was measured with other options ({string.Join(", ", measured)}); a table of both would average different things. Name another folder by --out, go on with the same options, or delete that file and its like beside it: the trained networks are kept, and only the measuring is done again.");
        }
    }

    private string? ChangedProtocol(ComparisonRequest request) =>
        Protocol is null || Protocol == request.ProtocolNames ? null : $"protocol {Protocol} -> {request.ProtocolNames}";

    private string? ChangedTemplates(ComparisonRequest request)
    {
        if (Templates is null || request.Prompts is not { } asked || Templates.SequenceEqual(asked))
        {
            return null;
        }
        // Long lists may differ in one line.
        var at = Templates.Zip(asked).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"templates {Prompt(Templates, at)} -> {Prompt(asked, at)}";
    }

    private static string Prompt(IReadOnlyList<string> templates, int at) => at < templates.Count ? $"'{templates[at]}' ({at + 1} of {templates.Count})" : $"none after {at}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(CellResult))]
internal sealed partial class ComparisonJson : JsonSerializerContext;
