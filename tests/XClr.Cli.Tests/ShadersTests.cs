using System.Text.Json;

namespace XClr.Cli.Tests;

public sealed class ShadersTests
{
    private static List<JsonElement> Kernels(params string[] arguments) => [.. CliProcess.Run(["shaders", .. arguments, "--json"]).Expect(0).Json.GetProperty("kernels").EnumerateArray()];

    // A source whose storage is 16 bits is two kernels: fp16's and bf16's.
    private static string[] FromSources() =>
        [.. Directory.GetFiles(Path.Combine(Repository.Root, "shaders"), "*.comp", SearchOption.AllDirectories)
            .Select(f => Path.ChangeExtension(Path.GetRelativePath(Path.Combine(Repository.Root, "shaders"), f), null).Replace('\\', '/'))
            .SelectMany(n => n.EndsWith("_f16", StringComparison.Ordinal) ? [n, n[..^"f16".Length] + "bf16"] : n.EndsWith("_coopmat", StringComparison.Ordinal) ? [n, n + "_bf16"] : (string[])[n])
            .Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_shader_of_the_repository_is_listed_with_its_interface()
    {
        var kernels = Kernels();
        Assert.Equal(FromSources(), kernels.Select(k => k.GetProperty("name").GetString()));
        Assert.All(kernels, k =>
        {
            Assert.InRange(k.GetProperty("writes").GetInt32(), 1, 16);
            Assert.InRange(k.GetProperty("pushBytes").GetInt32(), 4, 128);
            Assert.True(k.GetProperty("spirvBytes").GetInt32() > 200);
        });
    }

    [Fact]
    public void A_filter_chooses_and_variants_belong_to_one_operation()
    {
        var kernels = Kernels("bench/copy_peak*");
        Assert.Equal(["portable", "word"], kernels.Select(k => k.GetProperty("variant").GetString()));
        Assert.All(kernels, k => Assert.Equal("bench/copy_peak", k.GetProperty("operation").GetString()));
        Assert.Equal([256, 1, 1], kernels[0].GetProperty("localSize").EnumerateArray().Select(s => s.GetInt32()));
        Assert.Equal([0, 1], kernels.Select(k => k.GetProperty("texels").GetInt32()));
        // Specialisation constants decide the local size of cooperative-matrix kernels alone.
        Assert.DoesNotContain(Kernels(), k => k.GetProperty("localSize").ValueKind == JsonValueKind.Null && !k.GetProperty("variant").GetString()!.StartsWith("coopmat", StringComparison.Ordinal));
        Assert.Contains("bench/copy_peak_word", CliProcess.Run("shaders", "bench/*").Expect(0).Output);
    }

    [Theory]
    [InlineData("no/such*", "No kernel's name matches 'no/such*'")]
    [InlineData("--disassemble", "norm/batchnorm_fvd", "Did you mean 'norm/batchnorm_fwd'?")]
    [InlineData("conv/conv2d_fwd<1,2,3,4,5>", "has 5 values; conv/conv2d_fwd has 4 specialisation constants")]
    [InlineData("conv/conv2d_fwd<a>", "whole numbers")]
    [InlineData("--device", "0", "--stats and --disassemble")]
    public void What_does_not_exist_is_a_usage_error_that_helps(params string[] argumentsAndMessage) =>
        Assert.Contains(argumentsAndMessage[^1], CliProcess.Run(["shaders", .. argumentsAndMessage[..^1]]).Expect(2).Errors);

    [Theory]
    [InlineData("--stats")]
    [InlineData("--disassemble", "bench/copy_peak")]
    public void A_driver_that_tells_nothing_is_named(params string[] arguments)
    {
        var silent = new Dictionary<string, string?> { ["XCLR_CAPS"] = "pipelineStatistics=0" };
        Assert.Contains("VK_KHR_pipeline_executable_properties", CliProcess.Run(CliProcess.Program, ["shaders", .. arguments], environment: silent).Expect(4).Errors);
    }
}
