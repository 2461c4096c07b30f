#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each message of the error log has a tag of its own. docs/messages.md explains
# it, under a heading with its level and its first words.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

binmode $_, ':encoding(UTF-8)'
    for Test::More->builder->output, Test::More->builder->failure_output;

# 00 start and stop ... 09 access
my $areas = qr/^ES0[0-9]/;

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
my $documentation = text_of('docs/messages.md');
my %mentioned = map { ($_ => 1) } $documentation =~ /\b(ES\d{4})\b/g;
my %heading = $documentation =~ /^### (ES\d{4})\b(.*)/mg;

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
complain('tags are in the areas 00 to 09', @areas);
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
my %documented_level = $documentation =~ /^### (ES\d{4}) \((\w+)\)/mg;

complain('docs/messages.md has the level of each message',
    map { "$_: $documented_level{$_}, in the code $word{$level{$_}}" }
        grep { $level{$_} && $documented_level{$_} ne $word{$level{$_}} }
        sort keys %documented_level);

# The words that a tag is logged with, with an ellipsis for each value: the
# string literals after the tag, and the format macros between them, joined.
my %words;
for my $path (c_files()) {
    my $text = text_of($path);
    while ($text =~ /"(ES\d{4})",((?:\s*(?:"(?:[^"\\]|\\.)*"|\w+_FMT))+)/g) {
        my ($tag, $format) = ($1, $2);
        $format =~ s/\G\s*(?:"((?:[^"\\]|\\.)*)"|\w+)/$1 \/\/ 'd'/ge;
        $format =~ s/\\(.)/$1/g;
        $format =~ s/%[-+ #0]*[\d.*]*(?:hh?|ll?|[jzt])?[a-zA-Z]/\N{U+2026}/g;
        $words{$tag} = $format;
    }
}

# The heading's words are those at the start of the message, and none is cut.
sub starts_with
{
    my ($message, $heading) = @_;
    return $heading =~ /^ \(\w+\): (.*\S)/ && $message =~ /^\Q$1\E(?!\w)/;
}

complain('docs/messages.md has the first words of each message',
    map { "$_$heading{$_}; in the code: " . ($words{$_} // 'not found') }
        grep { $uses{$_} && !starts_with($words{$_} // '', $heading{$_}) }
        sort keys %heading);
complain('docs/messages.md explains each tag',
    map { "$_ ($uses{$_}[0])" } grep { !$heading{$_} } sort keys %uses);
complain('docs/messages.md has no tag that is not logged',
    grep { !$uses{$_} } sort keys %mentioned);
done_testing;
