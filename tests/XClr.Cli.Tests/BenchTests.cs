using System.Diagnostics;
using SkiaSharp;

namespace XClr.Cli.Tests;

public sealed class BenchTests
{
    [Theory]
    [InlineData("step", 4)]
    [InlineData("forward", 1)]
    public void A_network_is_timed_with_its_parts(string target, int rows)
    {
        var result = CliProcess.Run("bench", target, "--arch", "resnet18", "--image-size", "32", "--rows", $"{rows}", "--repeats", "2", "--json").Expect(0).Json.GetProperty("result");
        Assert.InRange(result.GetProperty("wallMs").GetDouble(), result.GetProperty("wallMinMs").GetDouble(), result.GetProperty("wallMaxMs").GetDouble());
        Assert.InRange(result.GetProperty("gpuMs").GetDouble(), 0.01, result.GetProperty("wallMaxMs").GetDouble());
        Assert.True(result.GetProperty("dispatches").GetInt32() > result.GetProperty("pipelines").GetInt32());
    }

    [Theory]
    [InlineData("gemm", "fp32", "gemm 512x512x512")]
    [InlineData("gemm", "amp", "gemm 512x512x512 f16")]
    [InlineData("conv", "fp32", "conv2d_bwd_weight 1x1x1x2048 k512 1x1 s1 p0")]
    [InlineData("loss", "fp32", "contrastive Text N4096 P128 D384 tau 0.1 tau_s 0.1")]
    public void Ops_of_a_step_are_timed_against_the_roof(string target, string precision, string expected)
    {
        var result = CliProcess.Run("bench", target, "--image-size", "32", "--rows", "1", "--repeats", "1", "--precision", precision, "--json").Expect(0).Json;
        var ops = result.GetProperty("ops").EnumerateArray().ToDictionary(op => op.GetProperty("name").GetString()!);
        Assert.Contains(expected, ops.Keys);
        Assert.All(ops.Values, op => Assert.True(op.GetProperty("gigaflopsPerSecond").GetDouble() > 0 && op.GetProperty("ofRoof").GetDouble() > 0));
        // 53 convolutions forward and for the weights, one less for the data.
        Assert.Equal(target == "conv" ? 53 + 53 + 52 : ops.Count, ops.Values.Sum(op => op.GetProperty("count").GetInt32()));
        var memory = result.GetProperty("memory").EnumerateArray().Select(m => (Rows: m.GetProperty("rows").GetDouble(), Bytes: m.GetProperty("bytes").GetDouble())).ToList();
        if (target == "loss")
        {
            Assert.Equal(65536, memory[^1].Rows);
            // Linear in the rows: 128 times the rows take no more than 200 times the memory.
            Assert.InRange(memory[^1].Bytes / memory[0].Bytes, 1, 200);
        }
    }

    [Fact]
    public void Bf16_is_for_devices_that_report_it()
    {
        string[] gemm = ["bench", "gemm", "--repeats", "1", "--precision", "bf16", "--json"];
        ProgramResult Run(string caps) => CliProcess.Run(CliProcess.Program, gemm, environment: new Dictionary<string, string?> { ["XCLR_CAPS"] = caps });
        var refusal = Run("bFloat16=0").Expect(4).Errors;
        Assert.Contains("does not report bfloat16", refusal);
        Assert.Contains("--precision amp or fp32", refusal);
        Assert.Equal("gemm 512x512x512 bf16", Run("needsBFloat16=0").Expect(0).Json.GetProperty("ops")[0].GetProperty("name").GetString());
    }

    [Theory]
    [InlineData("loader")]
    [InlineData("loader", "--data", "photos", "--workers", "0")]
    [InlineData("step", "--rows", "3")]
    [InlineData("forward", "--arch", "vgg16")]
    [InlineData("gemm", "--precision", "int8")]
    [InlineData("step", "--precision", "amp,bf16")]
    [InlineData("step", "--arch", "resnet18,resnet34")]
    public void What_cannot_be_timed_is_a_usage_error(params string[] arguments) => CliProcess.Run(["bench", .. arguments]).Expect(2);

    [Fact]
    public void The_stages_of_a_loader_are_timed()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 12; i++)
        {
            folder.File($"class{i % 2}/{i}.jpg", TestImages.Noise(i, 96, 72, SKEncodedImageFormat.Jpeg));
        }
        var result = CliProcess.Run("bench", "loader", "--data", folder.Path, "--image-size", "32", "--rows", "4", "--repeats", "1", "--json").Expect(0).Json.GetProperty("result");
        Assert.Equal((12, 96 * 72), (result.GetProperty("images").GetInt32(), result.GetProperty("meanPixels").GetDouble()));
        foreach (var stage in new[] { "reading", "decoding", "scaledDecoding", "loader" })
        {
            Assert.True(result.GetProperty(stage).GetProperty("imagesPerSecond").GetDouble() > 0, stage);
        }
        // Pixels and file bytes come from pools: what is left are the sample's own names and records.
        Assert.InRange(result.GetProperty("allocatedBytesPerImage").GetDouble(), 1, 8000);
        Assert.InRange(result.GetProperty("collectionShare").GetDouble(), 0, 0.5);
    }

    [Fact]
    public void A_device_without_matrices_is_named()
    {
        var none = new Dictionary<string, string?> { ["XCLR_CAPS"] = "cooperativeMatrix=0" };
        Assert.Contains("VK_KHR_cooperative_matrix", CliProcess.Run(CliProcess.Program, ["bench", "matrix"], environment: none).Expect(4).Errors);
    }

    [Fact]
    public void An_edited_shader_is_measured_without_a_build_and_a_broken_one_is_a_data_error_with_its_line()
    {
        using var folder = new TempFolder();
        folder.Copy(Path.Combine(Repository.Root, "shaders"), "shaders");
        var edited = folder.File("shaders/pool/globalavgpool_fwd.glsl");
        File.WriteAllText(edited, File.ReadAllText(edited).Replace("main() {", "main() { if (gl_NumWorkGroups.x == 4321) return;", StringComparison.Ordinal));
        string[] bench = ["bench", "forward", "--arch", "resnet18", "--image-size", "32", "--rows", "1", "--repeats", "1", "--shader-dir", folder.File("shaders")];
        var errors = CliProcess.Run(bench).Expect(0).Errors;
        Assert.Matches("edited shaders:.*pool/globalavgpool_fwd", errors);
        File.AppendAllText(edited, "int broken() { return; }\n");
        var line = File.ReadLines(edited).Count();
        Assert.Contains($"globalavgpool_fwd.glsl:{line}: error:", CliProcess.Run(bench).Expect(3).Errors);
    }

    [Fact]
    public async Task Watch_measures_again_after_an_edit()
    {
        using var folder = new TempFolder();
        folder.Copy(Path.Combine(Repository.Root, "shaders"), "shaders");
        var edited = folder.File("shaders/pool/globalavgpool_fwd.glsl");
        var info = new ProcessStartInfo(CliProcess.Program, ["bench", "forward", "--arch", "resnet18", "--image-size", "32", "--rows", "1", "--repeats", "1", "--shader-dir", folder.File("shaders"), "--watch"])
        { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(info)!;
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            async Task<string> Told(string what)
            {
                while (await process.StandardError.ReadLineAsync(limit.Token) is { } line)
                {
                    if (line.Contains(what, StringComparison.Ordinal))
                    {
                        return line;
                    }
                }
                throw new InvalidOperationException($"the program ended before it said '{what}'");
            }
            await Told("watching");
            File.AppendAllText(edited, "int broken() { return; }\n");
            await Told("globalavgpool_fwd.glsl");
            await Told("watching");
            File.WriteAllText(edited, File.ReadAllText(edited).Replace("int broken() { return; }", "", StringComparison.Ordinal).Replace("main() {", "main() { if (gl_NumWorkGroups.x == 4321) return;", StringComparison.Ordinal));
            Assert.Contains("pool/globalavgpool_fwd", await Told("edited shaders:"));
        }
        finally
        {
            process.Kill();
        }
    }
}
