#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each message of the error log has a tag of its own, which docs/messages.md
# explains.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# 00 start and stop ... 08 cluster
my $areas = qr/^ES0[0-8]/;

my (%uses, @areas);
for my $path (c_files()) {
    my $text = text_of($path);
    while ($text =~ /"(ES\d{4})\b/g) {
        my $tag = $1;
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @{$uses{$tag}}, "$path:$line";
        push @areas, "$path:$line: $tag" if $tag !~ $areas;
    }
}
my %documented =
    map { ($_ => 1) } text_of('docs/messages.md') =~ /\b(ES\d{4})\b/g;

# calls that log with a level from debug upwards and without a tag
my @untagged;
for my $path (c_files()) {
    my $text = text_of($path);
    $text =~ s{/\*.*?\*/}{$& =~ tr/\n//cdr}gse;
    while ($text =~ /\b(es_[a-z]*log|ap_log_[a-z]*error)\s*\(([^;]*?)\);/gs) {
        my ($call, $arguments) = ($1, $2);
        next if $arguments !~
            /\b(APLOG|ES_LOG)_(CRIT|ERR|WARNING|NOTICE|INFO|DEBUG)\b/;
        next if $arguments =~ /"ES\d{4}\b/;
        # functions that pass on a message with its tag
        next if $arguments =~ /\btag\b/;
        my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
        push @untagged, "$path:$line: $call";
    }
}

complain('no tag is used twice',
    map { "$_: @{$uses{$_}}" } grep { @{$uses{$_}} > 1 }
        sort keys %uses);
complain('tags are in the areas 00 to 08', @areas);
complain('each message from debug upwards has a tag', @untagged);
# the level of a message in the code is the last one before its tag
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
my %documented_level =
    text_of('docs/messages.md') =~ /^### (ES\d{4}) \((\w+)\)/mg;

complain('docs/messages.md has the level of each message',
    map { "$_: $documented_level{$_}, in the code $word{$level{$_}}" }
        grep { $level{$_} && $documented_level{$_} ne $word{$level{$_}} }
        sort keys %documented_level);
complain('docs/messages.md explains each tag',
    map { "$_ ($uses{$_}[0])" } grep { !$documented{$_} } sort keys %uses);
complain('docs/messages.md has no tag that is not logged',
    grep { !$uses{$_} } sort keys %documented);
done_testing;
