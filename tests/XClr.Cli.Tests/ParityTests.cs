using System.Globalization;
using XClr.Nn;

namespace XClr.Cli.Tests;

/// <summary>The verb's options reach the computation: optimiser steps from the command line against the goldens, whose metadata hold the options.</summary>
public sealed class ParityTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static string Golden(string name) => Path.Combine(Repository.Root, "tests", "Golden", "data", "optimizer", name);

    [Theory]
    [InlineData("sgd-nesterov-clip.safetensors")]
    [InlineData("adamw-clip.safetensors")]
    public void Optimizer_steps_agree_with_the_goldens(string name)
    {
        using var golden = SafetensorsFile.Open(Golden(name));
        var outFile = folder.File("o.safetensors");
        CliProcess.Run(
            ["parity", "--weights", Golden("w.safetensors"), "--gradients", Golden("g.safetensors"), "--out", outFile, .. golden.Metadata["options"].Split(' ')]).Expect(0);
        using var result = SafetensorsFile.Open(outFile);
        var compared = golden.Tensors.Where(t => t.DType != SafetensorsDType.I64).ToList();
        Assert.NotEmpty(compared);
        Assert.All(compared, t =>
        {
            var (expected, actual) = (golden.ReadFloat64(t.Name), result.ReadFloat64(t.Name));
            var error = Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Sum());
            var limit = double.Parse(golden.Metadata[$"limit.{t.Name}"], CultureInfo.InvariantCulture);
            Assert.True(error <= limit * Math.Sqrt(expected.Sum(e => e * e)), $"{t.Name}: error {error}, relative limit {limit}");
        });
    }

    [Theory]
    [InlineData("--batch is missing")]
    [InlineData("allowed: sgd|lars|adamw|none", "--optimizer", "adam")]
    [InlineData("--gradients needs an --optimizer", "--gradients", "g")]
    [InlineData("takes one learning rate", "--batch", "b", "--lr", "0.1,0.2")]
    [InlineData("--tau '0' is not accepted", "--batch", "b", "--tau", "0")]
    [InlineData("--batch and --gradients exclude each other", "--batch", "b", "--gradients", "g")]
    [InlineData("--precision 'fp16' is not accepted; allowed: fp32", "--precision", "fp16")]
    public void A_usage_error_is_explained_and_returns2(string expected, params string[] args) =>
        Assert.Contains(expected, CliProcess.Run(["parity", "--weights", Golden("w.safetensors"), "--out", folder.File("o"), .. args]).Expect(2).Errors);
}
