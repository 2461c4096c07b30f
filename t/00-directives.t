#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The table of directives, docs/directives.md and conf/eventstream.conf name the
# same directives.

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

my %sections;
$sections{$1}++ while $docs =~ /^#+\s+.*?\b(EventStream[A-Z]\w+)/mg;
# with or without a comment sign: presets stand there as comments
my %samples = map { ($_ => 1) } $conf =~ /^[#\s]*(EventStream[A-Z]\w+)\b/mg;

ok scalar @table, 'the table has rows';
complain('docs/directives.md has a section for each',
    grep { !$sections{$_} } @table);
complain('and only one', grep { $sections{$_} > 1 } sort keys %sections);
complain('and none for what is no directive',
    grep { !$table{$_} } sort keys %sections);
complain('conf/eventstream.conf shows each', grep { !$samples{$_} } @table);

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
