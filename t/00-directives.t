#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The table of directives, docs/directives.md and conf/eventstream.conf name the
# same directives, in the same contexts and with the same presets.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my @table = directives();
my %table = map { ($_ => 1) } @table;
my $docs = text_of('docs/directives.md');
my $conf = text_of('conf/eventstream.conf');

# ---- Entries of the reference ----------------------------------------------

my %sections;
$sections{$1}++ while $docs =~ /^#+\s+.*?\b(EventStream[A-Z]\w+)/mg;
# with or without a comment sign: the presets are comments
my %samples = map { ($_ => 1) } $conf =~ /^[#\s]*(EventStream[A-Z]\w+)\b/mg;

ok scalar @table, 'the table has rows';
complain('docs/directives.md has a section for each',
    grep { !$sections{$_} } @table);
complain('and only one', grep { $sections{$_} > 1 } sort keys %sections);
complain('and none for what is no directive',
    grep { !$table{$_} } sort keys %sections);
complain('conf/eventstream.conf shows each', grep { !$samples{$_} } @table);

# entry($name, $row): what the entry of a directive has in a row
sub entry
{
    my ($name, $row) = @_;
    my ($text) = $docs =~ /^### $name\n(.*?)(?=^#|\z)/ms;
    my ($value) = ($text || '') =~ /^\| $row: \| (.*) \|$/m;
    return defined $value ? $value : '';
}

# The preset without the directive's name, or a word such as "none".
sub preset
{
    my ($name) = @_;
    my $text = entry($name, 'Default');
    $text =~ s/^`$name (.*)`$/$1/;
    return $text;
}

# ---- The quick reference ----------------------------------------------------

my %letters = ('server config' => 's', 'virtual host' => 'v',
    directory => 'd');
my (@rows, @differ);
for my $line ($docs =~ /^(\| \[EventStream.*)$/mg) {
    my ($name, $link, $preset, $context, $text) =
        $line =~ /^\| \[(\w+)\]\(#(\w+)\) \| (.*?) \| (\w+) \| (.*) \|$/;
    push @differ, "row: $line" and next if !defined $name;
    push @rows, $name;
    my $letters = join '', map { $letters{$_} || '?' }
        split /, /, entry($name, 'Context');
    push @differ, "$name: preset $preset" if $preset ne preset($name);
    push @differ, "$name: context $context" if $context ne $letters;
    push @differ, "$name: text" if $text ne entry($name, 'Description');
    push @differ, "$name: link" if $link ne lc $name;
}
is_deeply \@rows, [sort @table],
    'the quick reference has a row for each, in order';
complain('its rows are as the entries', @differ);

# ---- Contexts and presets of the source and the sample ----------------------

my $source = text_of('src/config/directives.c');
my @contexts;
for my $name (@table) {
    my ($macro, $rest) =
        $source =~ /(\w+)\(\s*"$name",(.*?)(?=\n    (?:[A-Z_0-9]+\(|\{))/s;
    my $is_inner =
        ($macro || '') eq 'DIR_ROW' || ($rest || '') =~ /IN_SECTIONS/;
    my $expected = 'server config';
    $expected .= ', virtual host, directory' if $is_inner;
    $expected .= ', virtual host' if ($macro || '') eq 'HOST_ROW';
    push @contexts, "$name: $expected"
        if !$macro || entry($name, 'Context') ne $expected;
}
complain('the entries have the contexts of the source', @contexts);

# A directive below a text with "(example" has an example, not its preset.
my $is_example = 0;
my @presets;
for my $line (split /\n/, ($conf =~ /(^# ---- Channels.*)/ms)[0]) {
    if ($line =~ /^#(EventStream\w+) (.*)$/) {
        push @presets, "$1 $2" if !$is_example && preset($1) ne $2;
    } elsif ($line =~ /^# .*\(example/) {
        $is_example = 1;
    } elsif ($line !~ /^# /) {
        $is_example = 0;
    }
}
complain('conf/eventstream.conf shows presets', @presets);

# ---- All texts --------------------------------------------------------------

my @unknown;
for my $path (project_files()) {
    next if $path !~ m{^README$|\.(md|conf|in|html)$|^quickstart\.sh$};
    next if $path =~ m{^docs/adr/};    # decisions of the past
    my $text = text_of($path);
    while ($text =~ /(?<![:\/\w])(EventStream[A-Z]\w+)/g) {
        my $name = $1;
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @unknown, "$path:$line: $name" if !$table{$name};
    }
}
complain('texts name no directive that does not exist', @unknown);
done_testing;
