using System.Reflection;
using XClr.Bench;
using XClr.Gpu;
using XClr.Nn;

namespace XClr.Nn.Tests;

/// <summary>What C# declares of each kernel against what its SPIR-V says; every shader has exactly one owner, every owner a shader.</summary>
public class ShaderContractTests
{
    private static readonly IReadOnlyList<(Kernel Kernel, string Owner)> Declared = [.. new[] { typeof(PeakKernels).Assembly, typeof(Tensor).Assembly, typeof(MatrixKernel).Assembly }.SelectMany(a => a.GetTypes())
        .Where(t => !t.ContainsGenericParameters).SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public).SelectMany(f => KernelsOf(f).Select(k => (k, $"{t.Name}.{f.Name}"))))];

    private static IEnumerable<Kernel> KernelsOf(FieldInfo field) =>
        typeof(Kernel).IsAssignableFrom(field.FieldType) ? [(Kernel)field.GetValue(null)!] : typeof(IEnumerable<Kernel>).IsAssignableFrom(field.FieldType) ? (IEnumerable<Kernel>)field.GetValue(null)! : [];

    public static TheoryData<string> Names => [.. ShaderLibrary.Names];

    [Fact]
    public void Every_shader_has_one_owner_and_every_kernel_a_shader()
    {
        var owners = Declared.GroupBy(d => d.Kernel.Name).ToDictionary(g => g.Key, g => g.Select(d => d.Owner).ToList());
        Assert.Empty(owners.Where(o => o.Value.Count > 1).Select(o => $"{o.Key}: {string.Join(", ", o.Value)}"));
        Assert.Equal(ShaderLibrary.Names, owners.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Declaration_agrees_with_the_shader(string name)
    {
        var kernel = Declared.First(d => d.Kernel.Name == name).Kernel;
        var shader = ShaderInterface.Read(ShaderLibrary.Load(name));
        Assert.Equal(Enumerable.Range(0, kernel.Bindings), shader.Bindings.Select(b => b.Binding));
        Assert.All(shader.Bindings, b => Assert.True(b.NonWritable == b.Binding < kernel.Reads - kernel.Pointers, $"binding {b.Binding}: C# says {(b.Binding < kernel.Reads - kernel.Pointers ? "read" : "written")}, the shader {(b.NonWritable ? "readonly" : "not readonly")}"));
        foreach (var (count, kind) in new[] { (kernel.Texels, BindingKind.Texels), (kernel.Images, BindingKind.Image) })
        {
            Assert.Equal(count, shader.Bindings.TakeWhile(b => b.Kind == kind).Count());
            Assert.Equal(count, shader.Bindings.Count(b => b.Kind == kind));
        }
        Assert.Equal(kernel.Pointers > 0, shader.Capabilities.Contains(ShaderCapability.BufferAddresses));
        Assert.Equal(kernel.PushBytes, shader.PushBytes);
        Assert.InRange(kernel.PushBytes, 4, 128);
        Assert.Equal(Enumerable.Range(0, shader.SpecializationIds.Count), shader.SpecializationIds);
        if (shader.LocalSize is { } size)
        {
            Assert.InRange(size.X * size.Y * size.Z, 1, 256);
        }
    }
}
