using XClr.Nn.Models;

namespace XClr.Train;

/// <summary>What the loss needs beside the images.</summary>
public enum TargetKind
{
    None,
    Labels,
    Text,
}

/// <summary>What a loss needs and has, for whoever asks beside <see cref="Objective"/>, which records it.</summary>
/// <param name="Title">What tables call it.</param>
/// <param name="Target">What a batch must bring beside the images (X-CLR on classes with template captions: labels in place of text).</param>
/// <param name="Head">The head that it stands on; null = the projector that --projector names.</param>
/// <param name="Temperature">It compares projections at --tau (CLIP learns its own).</param>
/// <param name="TextTemperature">Its targets are made of captions' similarities at --tau-s.</param>
/// <param name="OwnTargets">Its targets differ from "the other view alone", so that their entropy and the other view's share say something.</param>
public sealed record LossFacts(string Title, TargetKind Target, HeadKind? Head = null, bool Temperature = false, bool TextTemperature = false, bool OwnTargets = false);

/// <summary>The facts of each loss.</summary>
public static class LossTable
{
    /// <summary>Those of a loss.</summary>
    public static LossFacts Facts(this LossKind loss) => loss switch
    {
        LossKind.Xclr => new("X-CLR", TargetKind.Text, Temperature: true, TextTemperature: true, OwnTargets: true),
        LossKind.SimClr => new("SimCLR", TargetKind.None, Temperature: true),
        LossKind.SupCon => new("SupCon (labels)", TargetKind.Labels, Temperature: true, OwnTargets: true),
        LossKind.Clip => new("CLIP (frozen text tower)", TargetKind.Text, HeadKind.Clip),
        _ => new("supervised (labels)", TargetKind.Labels, HeadKind.Classifier),
    };
}
