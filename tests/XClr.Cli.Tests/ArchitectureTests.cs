using System.Xml.Linq;

namespace XClr.Cli.Tests;

/// <summary>Dependencies point one way: the projects' references are these and no others.</summary>
public sealed class ArchitectureTests
{
    private static readonly HashSet<(string From, string To)> Allowed =
    [
        ("XClr.Nn", "XClr.Gpu"),
        ("XClr.Train", "XClr.Nn"),
        ("XClr.Train", "XClr.Data"),
        ("XClr.Train", "XClr.Text"),
        ("XClr.Bench", "XClr.Nn"),
        ("XClr.Cli", "XClr.Train"),
        ("XClr.Cli", "XClr.Bench"),
        ("XClr.Plugin", "XClr.Train"),
    ];

    /// <summary>Packages that need reflection; the command line's alone.</summary>
    private static readonly string[] ReflectionPackages = ["CommandLineParser", "Spectre.Console"];

    // tests/consumers are projects outside of the tree: they use packages, and are copied away before they are built.
    private static IEnumerable<(string Name, XDocument Project)> Projects(string folder) =>
        Directory.GetFiles(Path.Combine(Repository.Root, folder), "*.csproj", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}consumers{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(f => (Path.GetFileNameWithoutExtension(f), XDocument.Load(f)));

    private static IEnumerable<string> Includes(XDocument project, string element) =>
        project.Descendants(element).Select(e => e.Attribute("Include")!.Value);

    private static string NameOf(string reference) => Path.GetFileNameWithoutExtension(reference.Replace('\\', '/'));

    [Fact]
    public void Source_projects_reference_only_what_is_below_them()
    {
        var edges = Projects("src").SelectMany(p => Includes(p.Project, "ProjectReference").Select(r => (From: p.Name, To: NameOf(r)))).ToList();
        Assert.Contains(("XClr.Nn", "XClr.Gpu"), edges);
        Assert.Empty(edges.Except(Allowed));
    }

    [Fact]
    public void Only_the_command_line_uses_packages_that_need_reflection_and_the_rest_is_aot_compatible()
    {
        foreach (var (name, project) in Projects("src").Where(p => p.Name != "XClr.Cli"))
        {
            Assert.Empty(Includes(project, "PackageReference").Intersect(ReflectionPackages));
            Assert.True(project.Descendants("IsAotCompatible").Any(e => e.Value == "true"), $"{name} is not IsAotCompatible");
        }
    }

    [Fact]
    public void Package_versions_are_central() => Assert.All(
        Projects("src").Concat(Projects("tests")),
        p => Assert.DoesNotContain(p.Project.Descendants("PackageReference"), e => e.Attribute("Version") is not null));

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "XClr.Vulkan.sln"));
        Assert.All(Projects("src").Concat(Projects("tests")), p => Assert.Contains($"\"{p.Name}\"", solution));
    }
}
