using XClr.Cli;
using XClr.Cli.Commands;

return VerbRunner.Run(
    args,
    typeof(DevicesCommand),
    typeof(EmbedTextCommand),
    typeof(InspectCommand));
