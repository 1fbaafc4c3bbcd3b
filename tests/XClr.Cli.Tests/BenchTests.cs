using Xunit;

namespace XClr.Cli.Tests;

public sealed class BenchTests
{
    [Theory]
    [InlineData("step", 4)]
    [InlineData("forward", 1)]
    public void ANetworkIsTimedWithItsParts(string target, int rows)
    {
        var result = CliProcess.Run("bench", target, "--arch", "resnet18", "--image-size", "32", "--rows", $"{rows}", "--repeats", "2", "--json").Expect(0).Json.GetProperty("result");
        Assert.InRange(result.GetProperty("wallMs").GetDouble(), result.GetProperty("wallMinMs").GetDouble(), result.GetProperty("wallMaxMs").GetDouble());
        Assert.InRange(result.GetProperty("gpuMs").GetDouble(), 0.01, result.GetProperty("wallMaxMs").GetDouble());
        Assert.True(result.GetProperty("dispatches").GetInt32() > result.GetProperty("pipelines").GetInt32());
    }

    [Theory]
    [InlineData("loader")]
    [InlineData("step", "--rows", "3")]
    [InlineData("forward", "--arch", "vgg16")]
    public void WhatCannotBeTimedIsAUsageError(params string[] arguments) => CliProcess.Run(["bench", .. arguments]).Expect(2);

    [Fact]
    public void ADeviceWithoutMatricesIsNamed()
    {
        var none = new Dictionary<string, string?> { ["XCLR_CAPS"] = "cooperativeMatrix=0" };
        Assert.Contains("VK_KHR_cooperative_matrix", CliProcess.Run(CliProcess.Program, ["bench", "matrix"], environment: none).Expect(4).Errors);
    }
}
