#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each message of the error log has a tag of its own, and docs/messages.md tells
# what it means.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# 00 start and stop ... 08 cluster
my $areas = qr/^ES0[0-8]/;

my (%places, @areas);
for my $path (c_files()) {
    my $text = text_of($path);
    while ($text =~ /"(ES\d{4})\b/g) {
        my $tag = $1;
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @{$places{$tag}}, "$path:$line";
        push @areas, "$path:$line: $tag" if $tag !~ $areas;
    }
}
my %told = map { ($_ => 1) } text_of('docs/messages.md') =~ /\b(ES\d{4})\b/g;

# a call that logs, with its level and without a tag in its next words
my @untagged;
for my $path (c_files()) {
    my $text = text_of($path);
    $text =~ s{/\*.*?\*/}{$& =~ tr/\n//cdr}gse;
    while ($text =~ /\b(es_[a-z]*log|ap_log_[a-z]*error)\s*\(([^;]*?)\);/gs) {
        my ($call, $arguments) = ($1, $2);
        next if $arguments !~
            /\b(APLOG|ES_LOG)_(CRIT|ERR|WARNING|NOTICE|INFO|DEBUG)\b/;
        next if $arguments =~ /"ES\d{4}\b/;
        # what hands on a message that has its tag already
        next if $arguments =~ /\btag\b/;
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @untagged, "$path:$line: $call";
    }
}

complain('one place, one tag',
    map { "$_: @{$places{$_}}" } grep { @{$places{$_}} > 1 }
        sort keys %places);
complain('tags are in the areas 00 to 08', @areas);
complain('messages from debug upwards have a tag', @untagged);
# the level that a message has in the code: the one named last before its tag
my %level;
for my $path (c_files()) {
    my ($text, $last) = text_of($path);
    while ($text =~ /\b(?:APLOG|ES_LOG)_([A-Z]+)\b|"(ES\d{4})\b/g) {
        if (defined $1) {
            $last = $1;
        }
        else {
            $level{$2} = $last;
        }
    }
}
my %word = (EMERG => 'emerg', CRIT => 'crit', ERR => 'error',
    WARNING => 'warning', NOTICE => 'notice', INFO => 'info',
    DEBUG => 'debug');
my %told_level = text_of('docs/messages.md') =~ /^### (ES\d{4}) \((\w+)\)/mg;

complain('docs/messages.md tells the level of each',
    map { "$_: $told_level{$_}, in the code $word{$level{$_}}" }
        grep { $level{$_} && $told_level{$_} ne $word{$level{$_}} }
        sort keys %told_level);
complain('docs/messages.md tells each tag',
    map { "$_ ($places{$_}[0])" } grep { !$told{$_} } sort keys %places);
complain('docs/messages.md tells no tag that nothing logs',
    grep { !$places{$_} } sort keys %told);
done_testing;
