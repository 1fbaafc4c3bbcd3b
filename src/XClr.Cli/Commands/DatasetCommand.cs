using CommandLine;
using XClr.Data;
using XClr.Train;

namespace XClr.Cli.Commands;

/// <summary>How verbs beside `train` open a data set.</summary>
public abstract class DatasetCommand : Command
{
    [Option("data-format", Default = "auto", HelpText = "Format of the data: auto|webdataset|imagefolder|csv|tsv|jsonl|idx|parquet.")]
    public string DataFormat { get; set; } = "auto";

    [Option("classes", HelpText = "Class names, line = index: 'name' or 'wnid<TAB>name, synonyms' [path].")]
    public string? Classes { get; set; }

    [Option("caption-template", HelpText = "Caption of a labelled image, such as 'a photo of a {class}' [text with {class}].")]
    public string? CaptionTemplate { get; set; }

    /// <summary>--classes and --caption-template; on standard error, how far opening and counting are. <paramref name="stop"/> ends them, and the waiting for a server.</summary>
    protected DatasetOptions DatasetOptions(CancellationToken stop) => new() { ClassesFile = Classes, CaptionTemplate = CaptionTemplate, Stop = stop, Note = Console.Error.WriteLine };

    /// <summary>--data-format in the terms of a configuration.</summary>
    /// <exception cref="UsageException">There is no such format.</exception>
    protected Train.DataFormat ParseFormat() => Name<Train.DataFormat>("--data-format", DataFormat);

    /// <summary>Opens the set.</summary>
    /// <exception cref="DataException">There is none.</exception>
    protected IImageDataset OpenDataset(string path, CancellationToken stop) =>
        DatasetFactory.Open(path, ParseFormat().LowerName(), DatasetOptions(stop));
}
