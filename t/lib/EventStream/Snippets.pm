# SPDX-License-Identifier: Apache-2.0
package EventStream::Snippets;

=head1 NAME

EventStream::Snippets - programs and configuration in our docs, for the tests
that run them

=head1 SYNOPSIS

    use EventStream::Snippets;    # exports all functions below

    my $docs = snippets('docs/publishing.md');
    print $docs->{'curl.sh'};

=head1 FUNCTIONS

=over

=item snippets($path)

The fenced blocks of a file of ours that have a name, as a hash reference. The
line before a block gives it:

    <!-- snippet: curl.sh -->

=item snippet_names($path)

Their names, in the order of the file.

=item section($path, $heading)

The indented blocks in a section of a plain text file such as README, as a list.
The heading is underlined with hyphens. The indent of four blanks is removed.

=item write_file($path, $bytes)

=item has_command($name)

Whether the shell finds a program of this name.

=back

=cut

use strict;
use warnings;

use Exporter 'import';

use EventStream::Source;

our @EXPORT = qw(has_command section snippet_names snippets write_file);

my $fenced = qr/^<!-- snippet: (\S+) -->\n```\w*\n(.*?)^```$/ms;

sub snippets
{
    my ($path) = @_;
    my %found;
    my $text = text_of($path);
    while ($text =~ /$fenced/g) {
        die "$path: two snippets $1\n" if exists $found{$1};
        $found{$1} = $2;
    }
    utf8::encode($_) for values %found;
    return \%found;
}

sub snippet_names
{
    my ($path) = @_;
    my $text = text_of($path);
    my @names;
    push @names, $1 while $text =~ /$fenced/g;
    return @names;
}

sub section
{
    my ($path, $heading) = @_;
    my ($text) = text_of($path) =~
        /^\Q$heading\E\n-+\n(.*?)(?:^\S[^\n]*\n-+\n|\z)/ms;
    die "$path has no section $heading\n" if !defined $text;
    my @blocks = $text =~ /((?:^(?: {4}.*)?\n)*^ {4}.*\n)/mg;
    for my $block (@blocks) {
        $block =~ s/\A\n+//;
        $block =~ s/^ {4}//mg;
        utf8::encode($block);
    }
    return @blocks;
}

sub write_file
{
    my ($path, $bytes) = @_;
    open my $out, '>', $path or die "$path: $!";
    print {$out} $bytes;
    close $out or die "$path: $!";
    return;
}

sub has_command
{
    my ($name) = @_;
    return system("command -v $name > /dev/null 2>&1") == 0;
}

1;
