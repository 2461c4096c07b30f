# SPDX-License-Identifier: Apache-2.0
package EventStream::Again;

=head1 NAME

EventStream::Again - a test that starts itself again, under other conditions

=head1 SYNOPSIS

    use EventStream::Again;     # exports start_again

    if (!$fits) {
        start_again('ES_IN_OTHER_PLACE', 'nice');    # nice perl t/this.t
        plan skip_all => 'needs another place';
    }

=head1 FUNCTIONS

=over

=item start_again($mark, @command)

Runs the test by this command, which gets perl and its arguments as further
ones. $mark is a variable of the environment that tells it was done: then it
returns, since once more would not help.

=back

=cut

use strict;
use warnings;

use Cwd ();
use Exporter 'import';

our @EXPORT = qw(start_again);

# as the test was started; later it might be in another folder
my @again = ($^X, (map { "-I$_" } grep { !ref } @INC), Cwd::abs_path($0),
    @ARGV);

sub start_again
{
    my ($mark, @command) = @_;
    return if $ENV{$mark}++;
    exec @command, @again or die "$command[0]: $!";
}

1;
