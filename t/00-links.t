#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Links between our pages lead somewhere: the file exists, and so does the
# heading. README names only pages that exist, and pages only tests that exist.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

# As forges make it: lower case, without punctuation, hyphens for blanks.
sub anchor_of
{
    my ($heading) = @_;
    my $anchor = lc $heading;
    $anchor =~ s/[^\w -]//g;
    $anchor =~ s/ /-/g;
    return $anchor;
}

# "docs/adr/../grip.md" as "docs/grip.md"
sub path_from
{
    my ($page, $link) = @_;
    my @parts;
    (my $folder = $page) =~ s{[^/]*$}{};
    for my $part (split m{/}, $folder . $link) {
        if ($part eq '..') {
            pop @parts;
        } else {
            push @parts, $part;
        }
    }
    return join '/', @parts;
}

my @pages = grep { /\.md$/ } project_files();
my (%anchors, @twice);
for my $page (@pages) {
    (my $text = text_of($page)) =~ s/^```.*?^```//msg;
    while ($text =~ /^#+ (.*)$/mg) {
        push @twice, "$page: $1" if $anchors{$page}{anchor_of($1)}++;
    }
}
ok scalar @pages, 'there are pages';
complain('a heading occurs once in a page', @twice);

my @broken;
for my $page (@pages) {
    my $text = text_of($page);
    while ($text =~ /\]\(([^()\s]+)\)/g) {
        my ($link, $anchor) = split /#/, $1, 2;
        next if $link =~ /^\w+:/;
        my $path = $link eq '' ? $page : path_from($page, $link);
        push @broken, "$page: no $path" and next
            if !-e srcdir() . "/$path";
        push @broken, "$page: no $path#$anchor"
            if defined $anchor && !$anchors{$path}{$anchor};
    }
}
complain('links lead to a file and a heading', @broken);
complain('README names pages that exist',
    grep { !-e srcdir() . "/$_" }
        text_of('README') =~ /\b((?:docs|bench)\/[\w.\/-]+\w)/g);
my @absent;
for my $page (@pages) {
    my $text = text_of($page);
    while ($text =~ m{`(t/[\w./-]+\.(?:t|c|h))`}g) {
        push @absent, "$page: no $1" if !-e srcdir() . "/$1";
    }
}
complain('pages name tests that exist', @absent);
done_testing;
