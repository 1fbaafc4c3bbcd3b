using System.Reflection;
using XClr.Nn;
using Xunit;
using Xunit.Sdk;

namespace XClr.TestKit;

/// <summary>A theory's data: the name of each test device.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EachDeviceAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => TestDevices.All.Select(device => new object[] { device });
}

/// <summary>A theory's data: each test device with each storage of 16 bits.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EachDeviceAndHalfAttribute : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => from device in TestDevices.All from storage in StoredValues.Halves select new object[] { device, storage };
}

/// <summary>A theory's data: each test device with each of these cases' names.</summary>
public sealed class EachDeviceAnd : TheoryData<string, string>
{
    public EachDeviceAnd(IEnumerable<string> names)
    {
        foreach (var (device, name) in from device in TestDevices.All from name in names select (device, name))
        {
            Add(device, name);
        }
    }
}
