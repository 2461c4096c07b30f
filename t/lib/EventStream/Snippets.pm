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

=back

=cut

use strict;
use warnings;

use Exporter 'import';

use EventStream::Source;

our @EXPORT = qw(snippets);

sub snippets
{
    my ($path) = @_;
    my %found;
    my $text = text_of($path);
    while ($text =~
        /^<!-- snippet: (\S+) -->\n```\w*\n(.*?)^```$/msg) {
        die "$path: two snippets $1\n" if exists $found{$1};
        $found{$1} = $2;
    }
    utf8::encode($_) for values %found;
    return \%found;
}

1;
