namespace XClr.Cli.Tests;

public sealed class DevicesTests
{
    [Fact]
    public void Json_lists_every_device_with_its_caps_and_one_is_chosen()
    {
        var devices = CliProcess.Run("devices", "--json").Expect(0).Json.GetProperty("devices").EnumerateArray().ToList();
        Assert.Single(devices, d => d.GetProperty("chosen").GetBoolean());
        Assert.All(devices, d =>
        {
            var caps = d.GetProperty("caps");
            Assert.NotEmpty(caps.GetProperty("name").GetString()!);
            Assert.True(caps.GetProperty("maxStorageBufferRange").GetInt64() >= 1 << 20);
            Assert.Contains(caps.GetProperty("kind").GetString(), new[] { "discrete", "integrated", "virtual", "cpu", "other" });
        });
    }

    [Fact]
    public void The_table_names_the_devices_and_marks_the_chosen_one()
    {
        var name = CliProcess.Run("devices", "--json").Json.GetProperty("devices")[0].GetProperty("caps").GetProperty("name").GetString()!;
        var table = CliProcess.Run("devices").Expect(0).Output;
        Assert.Contains(name, table);
        Assert.Single(table.Split('\n'), l => l.TrimStart().StartsWith('*'));
    }

    [Fact]
    public void An_unknown_device_returns4_and_the_list_of_those_there_are()
    {
        var wish = new Dictionary<string, string?> { ["XCLR_DEVICE"] = "no such card" };
        var result = CliProcess.Run(CliProcess.Program, ["devices"], environment: wish).Expect(4);
        Assert.Contains("There is no device 'no such card'. Known are:", result.Errors);
    }

    [Fact]
    public void Without_any_driver_the_package_to_install_is_named()
    {
        var none = new Dictionary<string, string?> { ["VK_DRIVER_FILES"] = "/nowhere.json", ["VK_ICD_FILENAMES"] = "/nowhere.json", ["VK_ADD_DRIVER_FILES"] = null };
        Assert.Contains("mesa-vulkan-drivers", CliProcess.Run(CliProcess.Program, ["devices"], environment: none).Expect(4).Errors);
    }
}
