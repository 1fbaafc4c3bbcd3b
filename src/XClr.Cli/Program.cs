using XClr.Cli;
using XClr.Cli.Commands;

return VerbRunner.Run(
    args,
    typeof(DemoCommand),
    typeof(TrainCommand),
    typeof(EvalCommand),
    typeof(CompareCommand),
    typeof(ReportCommand),
    typeof(EmbedImagesCommand),
    typeof(EmbedTextCommand),
    typeof(ExportCommand),
    typeof(InspectCommand),
    typeof(PackCommand),
    typeof(DevicesCommand),
    typeof(BenchCommand),
    typeof(TuneCommand),
    typeof(ProfileCommand),
    typeof(ShadersCommand),
    typeof(ParityCommand));
