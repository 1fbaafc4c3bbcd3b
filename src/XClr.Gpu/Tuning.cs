using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace XClr.Gpu;

/// <summary>Work that can be done in several ways, of which a cost model chooses unless <see cref="Tuning"/> has a measured choice. Name: what it is known by, shapes included.</summary>
public interface ITunable
{
    string Name { get; }

    /// <summary>Names of the ways that a device has for it. A compiler may do some of them badly.</summary>
    IReadOnlyList<string> Ways(DeviceCaps caps);
}

/// <summary>
/// Measured choices of a device and driver: the way of each work, by names. Kept as JSON beside the pipeline cache. A file of other kernels, of another driver version or one that cannot be read
/// is not used, and <see cref="Problem"/> says why.
/// </summary>
/// <param name="Ways">By <see cref="ITunable.Name"/>; work that is not there is left to the cost model.</param>
/// <param name="Measured">When the last of them was measured; null = nothing is kept.</param>
/// <param name="Problem">Why a file that is there is not used, with its path and the remedy; null = it is, or there is none.</param>
public sealed record Tuning(IReadOnlyDictionary<string, string> Ways, DateTimeOffset? Measured = null, string? Problem = null)
{
    private static readonly Lazy<string> Kernels = new(() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', ShaderLibrary.Names.Select(ShaderLibrary.Hash)))))[..16]);

    /// <summary>Everything by the cost model.</summary>
    public static Tuning None { get; } = new(new Dictionary<string, string>());

    /// <summary>Hash of all kernels' code: a measurement says nothing of other code.</summary>
    public static string KernelsHash => Kernels.Value;

    /// <summary>The file of a device: one for each kind of kernels that its caps, which may be lowered, lead to.</summary>
    public static string FileOf(DeviceCaps caps, string folder) =>
        Path.Combine(folder, $"tuning-{caps.FileKey}{(caps.CpuKernels ? "-word" : "")}{(caps.LaneRowKernels ? "-lanerow" : "")}{(caps.UsesMatrices ? "-coopmat" : "")}.json");

    /// <summary>What is kept for a device. folder: the pipeline cache's; null: nothing is kept.</summary>
    public static Tuning Read(DeviceCaps caps, string? folder)
    {
        if (folder is null || !caps.UsesTuning || FileOf(caps, folder) is var file && !File.Exists(file))
        {
            return None;
        }
        Tuning Unused(string why) => None with { Problem = $"{file}: {why}, so that the cost model chooses; 'xclr tune' measures anew" };
        try
        {
            var content = JsonSerializer.Deserialize(File.ReadAllText(file), TuningJson.Default.TuningFile);
            return content is null ? Unused("it is empty")
                : content.Kernels != KernelsHash ? Unused("it was measured with other kernels")
                : content.DriverVersion != caps.DriverVersion || content.Driver != caps.DriverInfo ? Unused($"it was measured with another driver ({content.Driver}, now {caps.DriverInfo})")
                : new Tuning(content.Ways, content.Measured);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return Unused($"it cannot be read ({e.Message.TrimEnd('.')})");
        }
    }

    /// <summary>Keeps these choices.</summary>
    /// <inheritdoc cref="CacheFile.Replace" path="/exception"/>
    public void Write(DeviceCaps caps, string folder)
    {
        var content = new TuningFile(caps.Name, caps.DriverInfo, caps.DriverVersion, KernelsHash, Measured ?? DateTimeOffset.UtcNow, new SortedDictionary<string, string>(Ways.ToDictionary(), StringComparer.Ordinal));
        CacheFile.Replace(FileOf(caps, folder), JsonSerializer.SerializeToUtf8Bytes(content, TuningJson.Default.TuningFile));
    }
}

/// <summary>The file's content.</summary>
internal sealed record TuningFile(string Device, string Driver, uint DriverVersion, string Kernels, DateTimeOffset Measured, IReadOnlyDictionary<string, string> Ways);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TuningFile))]
internal sealed partial class TuningJson : JsonSerializerContext;
