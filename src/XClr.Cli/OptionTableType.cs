using System.Reflection;
using System.Reflection.Emit;
using CommandLine;
using XClr.Train;

namespace XClr.Cli;

/// <summary>
/// Verbs whose options are the table <see cref="TrainOptions"/>. CommandLineParser wants a property with an attribute for each option; rather
/// than declaring all of them a second time, the properties are added to a derived class at run time. They hold text: the table parses it.
/// </summary>
public abstract class OptionTableCommand : Command
{
    private static readonly (string Option, Func<LossFacts, bool> Uses)[] OfLosses = [("tau", l => l.Temperature), ("tau-s", l => l.TextTemperature), ("projector", l => l.Head is null)];

    /// <summary>The table's options that the command line gave, by name, with their texts.</summary>
    protected IReadOnlyList<KeyValuePair<string, string>> Given =>
        [.. OptionTableType.OptionsOf(GetType())
            .Select(o => (o.Name, Text: (string?)GetType().GetProperty(OptionTableType.PropertyName(o))!.GetValue(this)))
            .Where(p => p.Text is not null)
            .Select(p => new KeyValuePair<string, string>(p.Name, p.Text!))];

    /// <summary>Refuses what the command line says and the loss has no use for; recipes and files may say it.</summary>
    /// <exception cref="UsageException">It says such a thing.</exception>
    protected void RequireUsed(TrainConfig config) => RequireUnused(
        $"of other losses than {config.Loss.LowerName()}, which has no use for it.", OfLosses.Select(o => ("--" + o.Option, !o.Uses(config.Loss.Facts()) && Given.Any(g => g.Key == o.Option))));
}

/// <summary>Options of the table that a verb does not take, without dashes.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class WithoutOptionsAttribute(params string[] names) : Attribute
{
    public IReadOnlyList<string> Names { get; } = names;
}

/// <summary>Makes the classes that <see cref="OptionTableCommand"/> speaks of.</summary>
public static class OptionTableType
{
    private static readonly ModuleBuilder Module = AssemblyBuilder
        .DefineDynamicAssembly(new AssemblyName("xclr.options"), AssemblyBuilderAccess.Run)
        .DefineDynamicModule("options");

    /// <summary>The verb itself, or, for one with the table's options, a derived class that has them.</summary>
    public static Type Extend(Type verb)
    {
        if (!verb.IsSubclassOf(typeof(OptionTableCommand)))
        {
            return verb;
        }
        var type = Module.DefineType(verb.Name, TypeAttributes.Public | TypeAttributes.Class, verb);
        type.DefineDefaultConstructor(MethodAttributes.Public);
        foreach (var option in OptionsOf(verb))
        {
            AddProperty(type, option);
        }
        return type.CreateType();
    }

    /// <summary>The table's options that a verb takes.</summary>
    internal static IEnumerable<TrainOption> OptionsOf(Type verb)
    {
        var without = verb.GetCustomAttribute<WithoutOptionsAttribute>(inherit: true)?.Names ?? [];
        return TrainOptions.All.Where(o => !without.Contains(o.Name));
    }

    internal static string PropertyName(TrainOption option) => "Option_" + option.Name.Replace('-', '_');

    private static void AddProperty(TypeBuilder type, TrainOption option)
    {
        var name = PropertyName(option);
        var field = type.DefineField("_" + name, typeof(string), FieldAttributes.Private);
        var property = type.DefineProperty(name, PropertyAttributes.None, typeof(string), null);
        property.SetGetMethod(Accessor(type, "get_" + name, typeof(string), [], il =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldfld, field);
        }));
        property.SetSetMethod(Accessor(type, "set_" + name, typeof(void), [typeof(string)], il =>
        {
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldarg_1);
            il.Emit(OpCodes.Stfld, field);
        }));
        property.SetCustomAttribute(Attribute(option));
    }

    private static MethodBuilder Accessor(TypeBuilder type, string name, Type result, Type[] parameters, Action<ILGenerator> body)
    {
        var method = type.DefineMethod(name, MethodAttributes.Public | MethodAttributes.SpecialName | MethodAttributes.HideBySig, result, parameters);
        var il = method.GetILGenerator();
        body(il);
        il.Emit(OpCodes.Ret);
        return method;
    }

    private static CustomAttributeBuilder Attribute(TrainOption option) => new(
        typeof(OptionAttribute).GetConstructor([typeof(string)])!,
        [option.Name],
        [typeof(OptionAttribute).GetProperty(nameof(OptionAttribute.HelpText))!],
        [option.Describe()]);
}
