using XClr.Gpu;
using XClr.Gpu.Compilers;
using XClr.Train;

namespace XClr.Cli;

/// <summary>Verbs that measure, with shaders that may be edited meanwhile: --shader-dir takes their code from a folder, --watch measures again after each edit.</summary>
internal static class ShaderLoop
{
    public const string DirectoryHelp = "Compile the kernels' shaders from this folder, shaders/ itself or a copy, instead of taking the built ones [folder] (default: unset).";
    public const string WatchHelp = "Measure again whenever a file of --shader-dir changes, until Ctrl-C (default: false).";
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>Measures and prints, once or after every edit. A shader that does not compile ends the verb, or with watch waits for the next edit.</summary>
    /// <param name="directory">--shader-dir; null = none.</param>
    /// <param name="watch">--watch.</param>
    /// <param name="measure">Takes the folder of edited shaders; null = none. Opens its own device.</param>
    public static int Run(string? directory, bool watch, Func<ShaderFolder?, int> measure)
    {
        if (watch && directory is null)
        {
            throw new UsageException("--watch needs --shader-dir, whose files it watches.");
        }
        var shaders = directory is null ? null : new ShaderFolder(directory);
        if (shaders is null || !watch)
        {
            return Measured(measure, shaders);
        }
        while (true)
        {
            var state = shaders.State();
            try
            {
                Measured(measure, shaders);
            }
            catch (ShaderException e)
            {
                Console.Error.WriteLine(e.Message);
            }
            Console.Error.WriteLine($"watching {directory}; Ctrl-C ends it");
            while (shaders.State() == state)
            {
                Thread.Sleep(Poll);
            }
            // An editor may still be writing.
            Thread.Sleep(Poll);
        }
    }

    private static int Measured(Func<ShaderFolder?, int> measure, ShaderFolder? shaders)
    {
        var code = measure(shaders);
        if (shaders is not null)
        {
            Console.Error.WriteLine(shaders.Edited is { Count: > 0 } edited ? $"edited shaders: {string.Join(", ", edited)}" : "no shader that was used differs from the built one");
        }
        return code;
    }
}
