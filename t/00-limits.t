#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each limit that is counted (es_limit_t) has a row in docs/directives.md#limits
# with its directive, the preset of that directive, its counter and a test that
# tries it; and there is no other row.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my ($enum) = text_of('src/server/stats.h') =~
    /^typedef enum es_limit_t \{\n(.*?)\n\} es_limit_t;/ms;
my @limits = $enum =~ /^    (ES_LIMIT_\w+),/mg;
my ($names) = text_of('src/server/stats.c') =~
    /^static const char \*const names\[ES_LIMITS\] = \{\n(.*?)\n\};/ms;
my @names = $names =~ /"([^"]+)"/g;
cmp_ok scalar @limits, '>', 10, 'es_limit_t has limits';
is scalar @names, scalar @limits, 'each has a name';

my $docs = text_of('docs/directives.md');
my ($table) = $docs =~ /^(\| what \| preset \| directive \|.*?)\n\n/ms;
my (%rows, @bad);
for my $line (split /\n/, $table) {
    my (undef, @cells) = split /\s*\|\s*/, $line;
    next if $cells[0] eq 'what' || $cells[0] =~ /^-+$/;
    push @bad, "$line: not 6 cells" and next if @cells != 6;
    push @bad, "$cells[4]: twice" if $rows{$cells[4]};
    $rows{$cells[4]} = {preset => $cells[1], directive => $cells[2],
        above => $cells[3], test => $cells[5]};
}
complain('the rows of the table are whole', @bad);

# The preset as the entry of a directive has it; 0, auto and off may be put into
# words there.
sub preset_of
{
    my ($name) = @_;
    my ($text) = $docs =~ /^### $name\n(.*?)(?=^#|\z)/ms;
    my ($preset) = ($text // '') =~ /^\| Default: \| `$name (\S+)` \|$/m;
    return $preset // 'no entry';
}

my @wrong;
for my $name (@names) {
    my $key = $name =~ /^EventStream(\w+)$/ ? $1 : 'OpenFiles';
    my $row = delete $rows{$key};
    push @wrong, "$name: no row with the counter $key" and next if !$row;
    push @wrong, "$key: says nothing of what is above" if !$row->{above};
    my ($path) = $row->{test} =~ /^`(t\/\d\d-[\w-]+\.t)`$/;
    push @wrong, "$key: no test" and next
        if !$path || !-f "$FindBin::Bin/../$path";
    push @wrong, "$key: $path does not try it"
        if text_of($path) !~ /\b(?:EventStream)?$key\b/;
    next if $key eq 'OpenFiles';
    push @wrong, "$key: not with its directive"
        if $row->{directive} ne "[$name](#\L$name\E)";
    my $preset = preset_of($name);
    push @wrong, "$key: preset $row->{preset}, in its entry $preset"
        if $preset !~ /^(?:0|auto)$/ && $row->{preset} ne $preset;
}
complain('each limit has its row', @wrong);
complain('each row is a limit', sort keys %rows);
done_testing;
